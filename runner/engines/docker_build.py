"""`docker build` with BuildKit: which client can, the secrets, the progress, and what went wrong.

The Docker SDK cannot build with BuildKit; this is the one thing that goes through the client.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Optional

from runner import processes
from runner.engines.base import Phase, Progress
from runner.engines.docker_settings import certificates, settings
from runner.errors import PrepareError

_KEPT_LINES = 400


@lru_cache(maxsize=1)
def client() -> Optional[str]:
    """The first `docker` on PATH that can build with BuildKit, or None.

    From 23.0 the client needs the buildx plugin for that; before, BuildKit is built in.
    """
    return next((path for path in clients() if _can_buildkit(path)), None)


def clients() -> list[str]:
    """Every `docker` on PATH, in its order, each file once."""
    found: dict[str, str] = {}
    for folder in os.get_exec_path():
        path = shutil.which("docker", path=folder)
        if path is not None:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def build(
    context: Path,
    *,
    tag: str,
    labels: Mapping[str, str],
    progress: Progress,
    network: str = "host",
    what: str = "the image",
) -> None:
    """Build `context` into `tag`. Raises `PrepareError` with the end of the log and a remedy."""
    docker = client()
    if docker is None:
        raise PrepareError("no docker client on PATH can build with BuildKit", remedy=NO_BUILDKIT)
    with tempfile.TemporaryDirectory(prefix="tfmatrix-secrets-") as folder:
        command = [docker, "build", "--progress=plain", f"--network={network}", "--tag", tag]
        for name, value in labels.items():
            command += ["--label", f"{name}={value}"]
        command += [*_secrets(Path(folder)), str(context)]
        log, code = _follow(command, progress)
    if code != 0:
        raise _failure(what, log)


NO_BUILDKIT = "install the buildx plugin (Debian, Ubuntu: docker-buildx or docker-buildx-plugin)"


def _can_buildkit(docker: str) -> bool:
    try:
        if subprocess.run([docker, "buildx", "version"], capture_output=True).returncode == 0:
            return True
        version = subprocess.run([docker, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return False
    major = re.match(r"Docker version (\d+)\.", version)
    return major is not None and 19 <= int(major.group(1)) < 23


def _secrets(folder: Path) -> Iterator[str]:
    for name, text in (("settings", settings()), ("ca", certificates())):
        if text:
            file = folder / name
            file.touch(mode=0o600)
            file.write_text(text, "utf-8")
            yield from ("--secret", f"id={name},src={file}")


def _follow(command: list[str], progress: Progress) -> tuple[list[str], int]:
    """Run the build, turning its lines into phases; the log's end and the exit code."""
    # A builder in a container of its own would not see local base images, nor leave the image here.
    env = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_BUILDER": "default"}
    log: deque[str] = deque(maxlen=_KEPT_LINES)
    reader = _Reader()
    for line in processes.stream(command, env=env):
        log.append(line.rstrip())
        phase = reader.read(line)
        if phase is not None:
            progress(phase)
    return list(log)[:-1], int(log[-1].split()[-1])


class _Reader:
    """Turns the lines of a build into phases; counts the bytes that uv says it downloads."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._done = 0

    def read(self, line: str) -> Optional[Phase]:
        step = re.match(r"#\d+ \[([^\]]*)\] (\w+) ?(.*)", line)
        if step is not None:
            return Phase(what="building", detail=f"{step[2]} {step[3]}"[:80].strip())
        text = re.sub(r"^#\d+ [\d.]+ +", "", line.rstrip())
        started = re.match(r"Downloading (\S+) \(([\d.]+)([KMG]?)i?B\)", text)
        if started is not None:
            self._sizes[started[1]] = int(float(started[2]) * _UNITS[started[3]])
            return self._downloading(started[1])
        ended = re.match(r" *Downloaded (\S+)", text)
        if ended is not None:
            self._done += self._sizes.get(ended[1], 0)
            return self._downloading(ended[1])
        for start, what in _PHASES.items():
            if text.startswith(start):
                return Phase(what=what)
        return None

    def _downloading(self, name: str) -> Phase:
        total = sum(self._sizes.values())
        return Phase(what="downloading", detail=name, bytes_done=self._done, bytes_total=total)


_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_PHASES = {"Resolved ": "downloading", "Prepared ": "installing", "Installed ": "compiling"}


def _failure(what: str, log: list[str]) -> PrepareError:
    said = _last_words(log)
    text = "\n".join(log)
    remedy = next((cure for sign, cure in _REMEDIES if re.search(sign, text)), None)
    return PrepareError(
        f"{what} could not be built: {said[-1] if said else 'docker build failed'}",
        remedy=remedy,
        log="\n".join(log),
    )


def _last_words(log: list[str]) -> list[str]:
    """What the failed step printed, without BuildKit's own framing."""
    printed = [m[1] for line in log if (m := re.match(r"#\d+ [\d.]+ (.*\S)", line))]
    errors = [m[1] for line in log if (m := re.match(r"(?:ERROR|error|#\d+ ERROR):? (.*)", line))]
    causes = [line for line in printed if re.search(r"error|cannot|failed|No space|×", line, re.I)]
    ran = any("did not complete successfully" in line for line in errors)
    return (causes or printed) if ran and printed else errors or [line for line in log if line]


_REMEDIES = (
    (
        r"(?i)no space left on device",
        "free disk space: `tfmatrix clean`, then `docker builder prune`",
    ),
    (
        r"(?i)failed to (?:resolve source metadata|do request|create LLB|load metadata|authorize)"
        r"|pull access denied|manifest unknown|error getting credentials",
        "let the daemon reach its registry, or make the base image without one: `tfmatrix bases`",
    ),
    (
        r"(?i)certificate|UnknownIssuer|SSLError|CERTIFICATE_VERIFY",
        "name your CA bundle in SSL_CERT_FILE",
    ),
    (
        r"(?i)dns error|name resolution|could not resolve|connection refused|timed out",
        "check the network and the proxy settings (HTTPS_PROXY, UV_DEFAULT_INDEX, PIP_INDEX_URL)",
    ),
    (
        r"(?i)hash mismatch|do not match.*hash",
        "a package changed since it was locked: `tfmatrix lock` resolves anew",
    ),
    (
        r"(?i)cannot connect to the docker daemon|error during connect",
        "start the Docker daemon, and look at `tfmatrix doctor`",
    ),
)
