"""The `docker` command: the one on PATH that can build with BuildKit, which the SDK cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Optional

from runner import paths
from runner.machine.derived_cache import cached_result

NO_BUILDKIT = "install the buildx plugin (Debian, Ubuntu: docker-buildx or docker-buildx-plugin)"

_PLUGINS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


@lru_cache(maxsize=1)
def client() -> Optional[str]:
    """The first `docker` on PATH that can build with BuildKit, or None.

    From 23.0 on the client needs the buildx plugin for this; older ones have BuildKit built in. The
    check takes some tenths of a second, so its result is kept until the client's files change.
    """
    try:
        return cached_result("buildkit", _state(), _able, write=str, read=str)
    except LookupError:
        return None


def clients() -> list[str]:
    """Every `docker` on PATH, in its order, each file once."""
    found: dict[str, str] = {}
    for folder in os.get_exec_path():
        path = shutil.which("docker", path=folder)
        if path is not None:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _able() -> str:
    """Raises `LookupError`, which is not kept, because the user may install a client meanwhile."""
    for path in clients():
        if _can_buildkit(path):
            return path
    raise LookupError("no docker client can build with BuildKit")


def _state() -> Iterator[str]:
    """What changes when a client or its plugin is installed, updated or removed."""
    own = Path(os.environ.get("DOCKER_CONFIG") or paths.home() / ".docker")
    plugins = [Path(folder) / "docker-buildx" for folder in (own / "cli-plugins", *_PLUGINS)]
    for path in (*map(Path, clients()), own / "config.json", *plugins):
        try:
            facts = path.stat()
            yield f"{path} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"
        except OSError:
            yield f"{path} is not there"


def _can_buildkit(docker: str) -> bool:
    try:
        if subprocess.run([docker, "buildx", "version"], capture_output=True).returncode == 0:
            return True
        version = subprocess.run([docker, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return False
    major = re.match(r"Docker version (\d+)\.", version)
    return major is not None and 19 <= int(major.group(1)) < 23
