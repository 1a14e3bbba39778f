"""The Docker daemon through its SDK: one connection, and the calls that several modules need."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

import docker
from attrs import frozen
from docker.constants import DEFAULT_TIMEOUT_SECONDS
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.images import Image

from runner.engines.docker.names import KEY, OURS
from runner.errors import EngineLostError

_lock = threading.Lock()
_connection: Optional[docker.DockerClient] = None
PATIENCE = 30.0
"""Seconds in which a working daemon answers. A busy Podman takes more than 10."""
_REMEMBERED = 60.0
_hung_at = float("-inf")


def connect() -> docker.DockerClient:
    """The daemon that DOCKER_HOST or the default socket names. Raises `DockerException`, at once
    where it has just been seen to hang: each request would take a minute."""
    global _connection
    if _hung_lately():
        raise DockerException(str(daemon_hangs()))
    with _lock:
        if _connection is None:
            _connection = _connected()
        return _connection


def _connected() -> docker.DockerClient:
    # Each attached agent holds a connection while it lives.
    settings: dict[str, Any] = {"version": "auto", "max_pool_size": 128, "timeout": PATIENCE}
    found = context_host()
    made = docker.from_env(**settings) if found is None else docker.DockerClient(found, **settings)
    made.api.timeout = DEFAULT_TIMEOUT_SECONDS  # later requests may take a while
    return made


def hangs() -> bool:
    """Whether the daemon exists but does not answer; each request to it would fail after a minute.

    The result is kept for a while. Never raises.
    """
    global _hung_at
    if _hung_lately():
        return True
    try:
        api = connect().api
        api.get(f"{api.base_url}/_ping", timeout=PATIENCE)
    except Exception as error:  # a daemon that is gone says so at once, to whoever asks next
        if "timed out" in str(error).lower():
            _hung_at = time.monotonic()
            return True
    return False


def _hung_lately() -> bool:
    return time.monotonic() - _hung_at < _REMEMBERED


def daemon_hangs() -> EngineLostError:
    return EngineLostError(
        f"the Docker daemon hangs: no answer in {PATIENCE:g} s",
        remedy="restart it; what was measured is kept, and the same command goes on from there",
    )


def context_host() -> Optional[str]:
    """The daemon of the client's current context, which the SDK does not consider.

    None where DOCKER_HOST decides, or the context is the default one.
    """
    if os.environ.get("DOCKER_HOST"):
        return None
    try:
        name = os.environ.get("DOCKER_CONTEXT")
        context = ContextAPI.get_context(name) if name else ContextAPI.get_current_context()
    except Exception:  # `docker` itself complains of a broken configuration
        return None
    return None if context is None or context.name == "default" else str(context.Host)


def address() -> str:
    """The daemon's address, as its clients accept it."""
    return os.environ.get("DOCKER_HOST") or context_host() or "unix:///var/run/docker.sock"


@frozen(kw_only=True)
class Unreachable:
    """Why no daemon answers, and the command that helps; each is one line."""

    reason: str
    remedy: str


JOIN_THE_GROUP = "the group docker may: sudo usermod -aG docker $USER, then log in again"


def why_unreachable() -> Optional[Unreachable]:
    """Why no daemon answers; None if one does."""
    try:
        connect().ping()
    except Exception as error:  # the SDK does not wrap errors of requests and paramiko
        return unreachable(error)
    return None


def unreachable(error: Exception) -> Unreachable:
    """The reason and the remedy for an error of the first request to the daemon."""
    remedy = JOIN_THE_GROUP if _is_forbidden(str(error)) else how_to_start()
    return Unreachable(reason=explain(error), remedy=remedy)


def _is_forbidden(text: str) -> bool:
    return "PermissionError" in text or "Permission denied" in text


def how_to_start() -> str:
    """The command that starts the daemon of this machine, if one is installed."""
    if os.environ.get("DOCKER_HOST"):
        return "look at DOCKER_HOST"
    units = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
    if Path("/run/systemd/system").exists() and any(
        Path(folder, "docker.service").exists() for folder in units
    ):
        return "start it: sudo systemctl start docker"
    if Path("/etc/init.d/docker").exists():
        return "start it: sudo service docker start"
    if shutil.which("dockerd"):
        return "start it: sudo dockerd"
    return "start one, or name it in DOCKER_HOST"


def explain(error: Exception) -> str:
    """What an error of the SDK means, without its stack of wrappers."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    text = str(error)
    if "timed out" in text.lower():
        return f"the Docker daemon hangs: no answer in {PATIENCE:g} s"
    if "FileNotFoundError" in text or "No such file" in text:
        return "no Docker daemon runs here (its socket does not exist)"
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "no Docker daemon answers"
    if _is_forbidden(text):
        return "the Docker socket may not be used by this user"
    return text


def find_image(name: str) -> Optional[Image]:
    try:
        return connect().images.get(name)
    except (ImageNotFound, NotFound):
        return None


def labels(image: Image) -> Mapping[str, str]:
    return image.labels or {}


def names_and_keys() -> Iterator[tuple[str, str]]:
    """The name and the environment's key of each image of ours, from one request to the daemon."""
    for image in connect().api.images(filters={"label": OURS}):
        for name in image.get("RepoTags") or ():
            yield name, (image.get("Labels") or {}).get(KEY, "")


def is_local() -> bool:
    """Whether the daemon may share this machine's files, so that mounts work."""
    return connect().api.base_url in ("http+docker://localhost", "http+docker://localunixsocket")


@lru_cache(maxsize=1)
def version() -> Mapping[str, Any]:
    """What the daemon tells of its version: `Os`, `Arch` … This is quick; `daemon_info` is not."""
    daemon: dict[str, Any] = connect().version()
    return daemon


@lru_cache(maxsize=1)
def daemon_info() -> Mapping[str, Any]:
    """What the daemon tells of itself. Asked once: it takes long with many images."""
    daemon: dict[str, Any] = connect().info()
    return daemon


def filters_system_calls(info: Mapping[str, Any]) -> bool:
    """Whether a daemon with this description can give a container a seccomp profile."""
    return any("seccomp" in str(option) for option in info.get("SecurityOptions") or ())


def why_no_gpu() -> Optional[str]:
    """Why containers see no GPU, as far as this shows without starting one."""
    daemon = daemon_info()
    devices = daemon.get("DiscoveredDevices") or ()
    if "nvidia" in daemon.get("Runtimes", {}) or any("nvidia" in str(d) for d in devices):
        return None
    if is_local():
        if not any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg")):
            return "this machine has no NVIDIA GPU"
        if shutil.which("nvidia-container-runtime-hook") or shutil.which("nvidia-ctk"):
            return None
    return "the Docker daemon has no NVIDIA runtime (NVIDIA's container toolkit installs it)"


def import_filesystem(tarball: Path, tag: str, changes: list[str]) -> None:
    """Make an image of one layer. Raises `DockerException`."""
    repository, _, version = tag.rpartition(":")
    connect().api.import_image_from_file(
        str(tarball), repository=repository, tag=version, changes=changes
    )
