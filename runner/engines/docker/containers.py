"""Containers: their confinement, their files, and their owner."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit
from requests.exceptions import RequestException

from runner import paths
from runner.engines.base import Workspace
from runner.engines.docker import build_steps, daemon, owner
from runner.engines.variables import COMMON_VARIABLE, DATA_VARIABLE, SCRATCH_VARIABLE
from runner.errors import PrepareError, TfmatrixError
from runner.model import Device, Limits

ROOT = "/repro"
SCRATCH = "/tmp/cells"
DATA = "/data"
MOST_CARRIED = 512 << 20
"""Bytes of data that may be copied for a container that cannot see the original files."""
_AGENT = "/tfmatrix"
_USER = "65532:65532"
_HOSTNAME = "tfmatrix"
# What the agent may use in addition to the cell's limits.
_SPARE_MEMORY = 256
_SPARE_PROCESSES = 32
_SPARE_SCRATCH = 64
_SHARED_MEMORY = 256


def host_settings(
    limits: Limits, device: Device, cpus: float, *, network: bool = False
) -> dict[str, Any]:
    """The host configuration of a cell's container, without its mounts. `network` opens it.

    The agent's own checks come first; these bounds stop what escapes them. Scratch space and shared
    memory count as memory.
    """
    scratch = limits.scratch + _SPARE_SCRATCH
    memory = (limits.memory + scratch + _SHARED_MEMORY + _SPARE_MEMORY) << 20
    return {
        # Only the loopback, with its names, which `network_disabled` would remove too.
        "network_mode": "bridge" if network else "none",
        "extra_hosts": {_HOSTNAME: "127.0.0.1"},
        "read_only": True,
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={scratch}m"},
        "shm_size": _SHARED_MEMORY << 20,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": limits.processes + _SPARE_PROCESSES,
        "nano_cpus": int(cpus * 10**9),
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
        "log_config": LogConfig(type="none"),
        "ipc_mode": "private",
        # The agent is the first process, which no process in the container can kill or stop.
        "init": False,
        "device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])]
        if device is Device.CUDA
        else None,
    }


def hardened(host: Mapping[str, Any]) -> dict[str, Any]:
    """A confinement with what depends on the daemon: the system calls that it lets through, and
    the folders that Podman keeps writable in a read-only container."""
    podman = build_steps.is_podman(daemon.version())
    options, tmpfs = list(host["security_opt"]), dict(host["tmpfs"])
    if podman:
        tmpfs.update(dict.fromkeys(("/run", "/var/tmp"), "ro,noexec,nosuid,nodev,size=4k"))
    if daemon.filters_system_calls(daemon.daemon_info()):
        if not podman:
            options.append(f"seccomp={paths.system_calls().read_text('utf-8')}")
        elif daemon.is_local():  # it expects a path, and a remote one has its own profile
            options.append(f"seccomp={paths.system_calls()}")
    return {**host, "security_opt": options, "tmpfs": tmpfs}


def create(
    api: APIClient, image: str, workspace: Workspace, host: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """A container that will run the agent on `workspace`: its id, and volumes to remove with it.

    The files are copied into volumes if the daemon does not share this machine's files, or if only
    this user may read them: the container runs as another user. Raises `DockerException`.
    """
    sources = {_AGENT: paths.agent(), ROOT: workspace.folder}
    variables = {}
    if workspace.data is not None:
        variables[DATA_VARIABLE] = place = data_place(workspace.data)
        sources[place] = workspace.data
    if daemon.is_local() and all(map(_for_everybody, sources.values())):
        mounts = [_bind(source, target) for target, source in sources.items()]
        try:
            return _create(api, image, mounts, host, variables), []
        except APIError as error:
            if not _cannot_see(error):
                raise
    volumes: list[str] = []
    try:
        mounts = [
            _filled(api, image, source, target, volumes) for target, source in sources.items()
        ]
        return _create(api, image, mounts, host, variables), volumes
    except BaseException:
        remove_volumes(api, volumes)
        raise


def _cannot_see(error: APIError) -> bool:
    """Whether the daemon shares its socket with us, but not these files: it runs elsewhere, or as
    a user who may not read a folder above them."""
    said = str(error)
    refused = 'invalid mount config for type "bind"' in said and "permission denied" in said
    return refused or "bind source path does not exist" in said


def remove_volumes(api: APIClient, volumes: list[str]) -> None:
    for volume in volumes:
        with suppress(DockerException):
            api.remove_volume(volume, force=True)


def data_place(data: Path) -> str:
    """Where a container has that folder: under its own name if the name matters."""
    return f"{DATA}/.keras" if data.name == ".keras" else DATA


def _create(
    api: APIClient,
    image: str,
    mounts: list[Mount],
    host: Mapping[str, Any],
    variables: Mapping[str, str],
) -> str:
    created = api.create_container(
        image,
        entrypoint=["python3", f"{_AGENT}/agent.py"],
        command=[],
        user=_USER,
        working_dir="/tmp",
        hostname=_HOSTNAME,
        # One process is attached: when it ends, even killed, the agent reads the end of its input.
        stdin_open=True,
        environment={
            SCRATCH_VARIABLE: SCRATCH,
            COMMON_VARIABLE: "/tmp:/dev/shm:/dev/mqueue",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **variables,
        },
        labels=owner.labels(),
        host_config=api.create_host_config(mounts=mounts, **hardened(host)),
    )
    return str(created["Id"])


def run_alone(
    image: str, command: list[str], environment: Mapping[str, str], limits: Limits
) -> tuple[str, str, int]:
    """Run a command, confined as cells are but without an agent: stdout, stderr, exit code.

    Raises `TfmatrixError`.
    """
    api = daemon.connect().api
    host = host_settings(limits, Device.CPU, 2.0)
    host["log_config"] = LogConfig(type="json-file", config={"max-size": "10m"})
    try:
        container = api.create_container(
            image,
            command,
            user=_USER,
            environment=dict(environment),
            labels=owner.labels(),
            host_config=api.create_host_config(**hardened(host)),
        )["Id"]
        with removing(api, container):
            api.start(container)
            code = api.wait(container, timeout=int(limits.timeout))["StatusCode"]
            out, err = (
                api.logs(container, stdout=one, stderr=not one).decode("utf-8", "replace")
                for one in (True, False)
            )
    except (DockerException, RequestException) as error:
        raise TfmatrixError(f"{image} could not be run: {daemon.explain(error)}") from error
    return out, err, int(code)


# -- files ----------------------------------------------------------------------------------------


def _for_everybody(source: Path) -> bool:
    """Whether any user may read `source` and all that is below it, once it is mounted."""
    found = [source, *source.rglob("*")]
    modes = [(path.is_dir(), path.stat().st_mode) for path in found if path.exists()]
    return all(mode & 0o4 and (mode & 0o1 or not folder) for folder, mode in modes)


def _bind(source: Path, target: str) -> Mount:
    if source.is_file():
        target = f"{target}/{source.name}"
    return Mount(target, str(source.resolve()), type="bind", read_only=True)


def _filled(api: APIClient, image: str, source: Path, target: str, volumes: list[str]) -> Mount:
    """A volume that holds a copy of `source`, to be mounted read-only."""
    if sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) > MOST_CARRIED:
        raise PrepareError(
            f"{source} is too much to be copied into each container",
            remedy=f"let containers read it where it lies: chmod -R a+rX {source}",
        )
    volume = str(api.create_volume(labels=owner.labels())["Name"])
    volumes.append(volume)
    carrier = api.create_container(
        image,
        command=["true"],
        labels=owner.labels(),
        host_config=api.create_host_config(mounts=[Mount(target, volume, type="volume")]),
    )["Id"]
    try:
        api.put_archive(carrier, target, _archive(source))
    finally:
        api.remove_container(carrier, force=True)
    return Mount(target, volume, type="volume", read_only=True, no_copy=True)


def _archive(source: Path) -> bytes:
    """`source` as a tar: a folder's content, or a file by its name; readable by anybody."""

    def readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(source, arcname=source.name if source.is_file() else ".", filter=readable)
    return buffer.getvalue()


# -- the end --------------------------------------------------------------------------------------


@contextmanager
def removing(api: APIClient, container: str) -> Iterator[None]:
    """Remove `container` in the end."""
    try:
        yield
    finally:
        with suppress(Exception):
            api.remove_container(container, force=True, v=True)


@contextmanager
def removing_on_error(api: APIClient, container: str, volumes: list[str]) -> Iterator[None]:
    """Removes a container if an error comes before it is handed over."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            api.remove_container(container, force=True, v=True)
        remove_volumes(api, volumes)
        raise
