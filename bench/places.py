"""Where the prepared environments are: asked of the engines, which made them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from bench.records import Place
from bench.timing import BenchError
from runner import engines
from runner.engines.base import Engine, Workspace
from runner.environments import locks
from runner.matrix import plan
from runner.model import Device, Environment, Limits, Release
from runner.releases import catalogue, specifier


def releases(spec: str) -> tuple[Release, ...]:
    """What `spec` names, a series standing for its newest patch release; oldest first."""
    return specifier.select(catalogue.load_releases(), spec, "latest")


def engine(name: str) -> tuple[Optional[Engine], str]:
    """An engine that answers; else None, and why it does not."""
    made = engines.create(name)
    why_not = made.unavailable()
    return (None, why_not) if why_not else (made, "")


def find(
    chosen: Sequence[Release], local: Engine, docker: Optional[Engine], folder: Path
) -> tuple[Place, ...]:
    """The environments of `chosen`, which `tfmatrix build` has prepared."""
    return tuple(_place(release, local, docker, folder) for release in chosen)


def _place(release: Release, local: Engine, docker: Optional[Engine], folder: Path) -> Place:
    environment = locks.environment(plan.target(release, Device.CPU))
    return Place(
        version=release.version,
        python=_python(local, environment, folder),
        image=docker.image(environment) if docker else None,
    )


def _python(local: Engine, environment: Environment, folder: Path) -> Path:
    """The virtual environment's: a channel tells which folder its scripts can see."""
    channel = local.start_agent(environment, Workspace(folder=folder, script=""), Limits())
    channel.close()
    for path, shown in channel.shown.items():
        if shown == "/environment":
            return Path(path) / "bin" / "python"
    raise BenchError(f"the local engine does not tell where {environment.id} is")
