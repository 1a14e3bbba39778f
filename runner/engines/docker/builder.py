"""`docker build` with BuildKit: which client can, the secrets, the progress, and what went wrong.

The Docker SDK cannot build with BuildKit; this is the one thing that goes through the client.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.engines.base import Progress
from runner.engines.docker import build_log, buildkit, daemon
from runner.engines.docker.build_settings import certificates, settings
from runner.errors import PrepareError
from runner.machine import processes, temporary

_KEPT_LINES = 400


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
    docker = buildkit.client()
    if docker is None:
        raise PrepareError(
            "no docker client on PATH can build with BuildKit", remedy=buildkit.NO_BUILDKIT
        )
    with tempfile.TemporaryDirectory(prefix="secrets-", dir=temporary.folder()) as folder:
        command = [docker, "build", "--progress=plain", f"--network={network}", "--tag", tag]
        for name, value in labels.items():
            command += ["--label", f"{name}={value}"]
        command += [*_secrets(Path(folder)), str(context)]
        log, code = _follow(command, progress)
    if code != 0:
        raise PrepareError(
            f"{what} could not be built: {build_log.cause(log)}",
            remedy=build_log.remedy(log),
            log="\n".join(log),
        )


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
    host = daemon.context_host()
    if host is not None:  # named, so that client and SDK speak with the same daemon
        env["DOCKER_HOST"] = host
    log: deque[str] = deque(maxlen=_KEPT_LINES)
    reader = build_log.Reader()
    for line in processes.stream(command, env=env):
        log.append(line.rstrip())
        phase = reader.read(line)
        if phase is not None:
            progress(phase)
    return list(log)[:-1], int(log[-1].split()[-1])
