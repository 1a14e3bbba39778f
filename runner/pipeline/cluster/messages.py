"""The messages to a cluster's workers and back. They contain no
secrets and no paths of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, field, frozen

from runner.cells.snapshot import content_and_mode
from runner.cells.snapshot.record import Snapshot
from runner.model import Cell, Environment, Execution, Repro, Suite
from runner.pipeline.tasks import Measure


@frozen(kw_only=True)
class WorkerInfo:
    """A worker and its machine, as it describes itself."""

    name: str
    tool: str
    """tfmatrix's version."""
    agent: str
    """The agent's digest. A worker with another agent measures differently and is not used."""
    engines: Mapping[str, str]
    """Engine → why it cannot be used there; "" if it can."""
    disk: Mapping[str, float]
    """Engine → free bytes where it makes environments."""
    memory_mb: float
    """The MiB that it may use: the free memory, up to the limit that Dask got."""
    threads: int
    gpu: bool


@frozen(kw_only=True)
class MakeRequest:
    """A request to make an environment."""

    link: str
    engine: str
    environment: Environment


@frozen(kw_only=True)
class MakeReply:
    """Whether the environment was made; `wrong` tells why not."""

    wrong: str = ""
    log: str = ""
    engine_fault: str = ""
    """Set if nothing can be made there."""
    disk: float = 0.0
    """The free bytes afterwards."""


@frozen(kw_only=True)
class Files:
    """A snapshot's content."""

    digest: str
    contents: Mapping[str, tuple[bytes, bool]] = field(repr=False)
    """Name → the file's bytes, and whether it is executable."""


@frozen(kw_only=True)
class MeasureRequest:
    """A request to measure a cell, in an existing environment and with files that were sent
    before."""

    link: str
    engine: str
    key: str
    cell: Cell
    digest: str
    script: str
    mode: str
    prologue: str
    repeat: int
    alone: bool
    live: bool
    """Whether the files replace those of the repro's last snapshot in its folder (`watch`)."""


@frozen(kw_only=True)
class MeasureReply:
    execution: Execution
    engine_fault: str = ""
    """Set if nothing can be measured there."""


def measure_request(link: str, engine: str, task: Measure) -> MeasureRequest:
    """The request for `task`, without what the worker already has
    and without paths of this machine."""
    workspace = task.snapshot.workspace
    return MeasureRequest(
        link=link,
        engine=engine,
        key=task.environment.key,
        cell=evolve(task.cell, repro=_bare(task.cell)),
        digest=task.snapshot.digest,
        script=workspace.script,
        mode=task.mode,
        prologue=task.prologue,
        repeat=task.repeat,
        alone=task.alone,
        live=workspace.live,
    )


def snapshot_files(snapshot: Snapshot) -> Files:
    folder = snapshot.workspace.home
    return Files(
        digest=snapshot.digest,
        contents={name: content_and_mode(folder / name) for name in snapshot.files},
    )


def _bare(cell: Cell) -> Repro:
    repro = cell.repro
    return Repro(
        name=repro.name,
        script=Path(repro.script.name),
        cases=(cell.case,),
        limits=repro.limits,
        env=repro.env,
        suite=repro.suite and Suite(folder=Path()),
        fail_on=repro.fail_on,
    )
