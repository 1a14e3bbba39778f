"""Images built: by `docker build` with BuildKit, or by `podman build` where the daemon is Podman.

The Docker SDK cannot build with BuildKit, so only builds go through a client program.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from attrs import evolve
from docker.errors import DockerException

from runner.engines.base import Phase, Progress
from runner.engines.docker import build_cache, build_log, build_steps, buildkit, daemon
from runner.engines.docker.build_settings import certificates, settings
from runner.engines.docker.build_steps import BuildStep
from runner.errors import PrepareError
from runner.machine import processes, temporary

LOG = logging.getLogger(__name__)
_KEPT_LINES = 400
_WATCH = 15.0
"""Seconds between two looks at the daemon while it builds."""
_ONCE_MORE: Mapping[str, Sequence[str]] = {
    "once more, with what images need of the cache": (),
    "once more, without the cache": ("--no-cache",),
}
"""What is tried, in turn, after the builder has failed because its cache names lost layers."""
_NO_PODMAN = (
    "the daemon is Podman, and no podman is on PATH to build images with;"
    " install podman or podman-remote"
)


def unavailable() -> Optional[str]:
    """Why no client on this machine can build, with the remedy; None if one can."""
    if build_steps.is_podman(daemon.version()):
        return None if _podman() else _NO_PODMAN
    if buildkit.client() is not None:
        return None
    seen = ", ".join(buildkit.clients()) or "none is on PATH"
    return f"no docker client here can build with BuildKit ({seen}); {buildkit.NO_BUILDKIT}"


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
    why_not = unavailable()
    if why_not is not None:
        raise PrepareError(why_not)
    dockerfile = (context / "Dockerfile").read_text("utf-8")
    by_run = build_steps.network_by_run(daemon.version())
    steps = build_steps.steps(dockerfile, tag, network_by_run=by_run)
    with _untagged([step.tag for step in steps[:-1]]):
        for step in steps:
            (context / "Dockerfile").write_text(step.dockerfile, "utf-8")
            limited = step.network if network == "host" else network
            _build(context, evolve(step, network=limited), labels, progress, what)


def _build(
    context: Path, step: BuildStep, labels: Mapping[str, str], progress: Progress, what: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="secrets-", dir=temporary.process_folder()) as folder:
        command = [*_client(), f"--network={step.network}", "--tag", step.tag]
        if step.target:
            command += ["--target", step.target]
        for name, value in labels.items():
            command += ["--label", f"{name}={value}"]
        if step.network != "none":
            command += _secrets(Path(folder))
        log, code = _follow_past_lost_layers(command, context, progress, what)
    if code != 0:
        raise PrepareError(
            f"{what} could not be built: {build_log.cause(log)}",
            remedy=build_log.remedy(log),
            log="\n".join(log),
        )


def _follow_past_lost_layers(
    command: Sequence[str], context: Path, progress: Progress, what: str
) -> tuple[list[str], int]:
    """Run the build; once or twice more if the cache names layers that are gone."""
    log, code = _follow([*command, str(context)], progress)
    for detail, options in _ONCE_MORE.items():
        if code == 0 or not build_log.has_lost_layers(log):
            break
        LOG.warning("%s is built once more: %s", what, build_log.cause(log))
        progress(Phase(what="building", detail=detail))
        with suppress(DockerException, OSError):
            build_cache.prune_unshared()
        log, code = _follow([*command, *options, str(context)], progress)
    return log, code


def _client() -> list[str]:
    if build_steps.is_podman(daemon.version()):
        return [str(_podman()), "--remote", "--url", daemon.address(), "build"]
    return [str(buildkit.client()), "build", "--progress=plain"]


def _podman() -> Optional[str]:
    return shutil.which("podman") or shutil.which("podman-remote")


@contextmanager
def _untagged(tags: list[str]) -> Iterator[None]:
    """Untag these images in the end. Images built on them keep their layers."""
    try:
        yield
    finally:
        for tag in () if daemon.hangs() else tags:
            with suppress(DockerException):
                daemon.connect().api.remove_image(tag)


def _secrets(folder: Path) -> Iterator[str]:
    for name, text in (("settings", settings()), ("ca", certificates())):
        if text:
            file = folder / name
            file.touch(mode=0o600)
            file.write_text(text, "utf-8")
            yield from ("--secret", f"id={name},src={file}")


def _follow(command: list[str], progress: Progress) -> tuple[list[str], int]:
    """Run the build and tell its progress. Returns the end of the log and the exit code."""
    # A builder in its own container would not see local base images, nor leave the image here.
    env = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_BUILDER": "default"}
    host = daemon.context_host()
    if host is not None:  # named, so that client and SDK speak with the same daemon
        env["DOCKER_HOST"] = host
    log: deque[str] = deque(maxlen=_KEPT_LINES)
    reader = build_log.Reader()
    with processes.start(command, env=env) as client, _ended_if_daemon_hangs(client):
        assert client.stdout is not None
        for line in client.stdout:
            log.append(line.rstrip())
            phase = reader.read(line)
            if phase is not None:
                progress(phase)
        return list(log), client.wait()


@contextmanager
def _ended_if_daemon_hangs(client: subprocess.Popen[str]) -> Iterator[None]:
    """End a client that waits for a lost daemon; it would wait for ever. Raises
    `EngineLostError`."""
    done, lost = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(_WATCH):
            if daemon.hangs():
                lost.set()
                client.kill()
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
    if lost.is_set():
        raise daemon.daemon_hangs()
