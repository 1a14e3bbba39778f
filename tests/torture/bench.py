"""A hostile script between two good ones, and beside a third, through the real pipeline.

The good ones say all that they see of the world they share with the hostile one; they must see the
same before it and after it. What is left on the host is looked for by whoever calls `carry_out`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen
from rich.console import Console

from runner.cells import snapshot
from runner.cells.store import Store
from runner.engines.base import Engine
from runner.matrix import plan
from runner.model import Case, Environment, Limits, Matrix, Release, Repro, Result, Run, RunInfo
from runner.pipeline import Options, Pipeline, arrange, display, environment_infos, events
from runner.pipeline.workers import local_workers
from runner.report import publish
from runner.runs import journal

SUBJECTS = Path(__file__).parent / "subjects"
LIMITS = Limits(timeout=4.0, memory=192, processes=64, output=64, scratch=32)
SPARE = 5.0
"""Seconds beyond its limit within which a cell must be over, and all that it started."""
HOME, NEIGHBOUR = "2.1.0", "2.2.0"
"""The environment of the hostile script, and the one beside it."""
SECRET = "TORTURE_SECRET"
"""A variable of the tool's environment that no script may see."""


@frozen(kw_only=True)
class Evidence:
    """What came of it. Can be written as JSON: the local engine's comes from another process."""

    cells: dict[str, dict[str, Any]]
    """Case → its line in the journal; the neighbour's under that name."""
    wall: dict[str, float]
    """Case → seconds from its start to the moment at which nothing of it was left."""
    terminal: str
    """All that a person saw in the terminal."""
    left: list[str] = field(factory=list)
    """What the host shows afterwards that it did not show before."""

    def dumps(self) -> str:
        return json.dumps([self.cells, self.wall, self.terminal, self.left])

    @classmethod
    def loads(cls, text: str) -> Evidence:
        cells, wall, terminal, left = json.loads(text)
        return cls(cells=cells, wall=wall, terminal=terminal, left=left)


@frozen(kw_only=True)
class Site:
    """A folder of our own, and what lies in it before the run."""

    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / "results" / "the-run"

    @property
    def canary(self) -> Path:
        """A file of the user's, which no script may change."""
        return self.folder / "precious" / "canary.txt"

    def furnish(self) -> None:
        shutil.copytree(SUBJECTS, self.folder / "scripts")
        self.canary.parent.mkdir()
        self.canary.write_text("precious\n", "utf-8")


def repro(site: Site, args: Sequence[str]) -> Repro:
    known = {"CANARY": str(site.canary), "RUN": str(site.run)}
    hostile = tuple(arg.format_map(known) for arg in args)
    return Repro(
        name="torture",
        needs_tensorflow=False,
        script=site.folder / "scripts" / "either.py",
        files=tuple(Path(path.name) for path in sorted(SUBJECTS.glob("*.py"))),
        cases=(
            Case(name="before", args=("good",)),
            Case(name="hostile", args=hostile),
            Case(name="after", args=("good",)),
        ),
        limits=LIMITS,
    )


class Watch:
    """Takes the events: what a person sees, and when cells started and ended."""

    def __init__(self) -> None:
        with open(os.devnull, "w") as nowhere:
            self._console = Console(file=nowhere, record=True, width=200, force_terminal=True)
        self._console.file = sys.stderr
        self._shown = display.PlainDisplay(self._console, 4)
        self._since: dict[tuple[str, str], float] = {}
        self.wall: dict[str, float] = {}

    def __call__(self, event: events.Event) -> None:
        now = time.monotonic()
        if isinstance(event, events.Started):
            self._since[event.environment, event.case] = now
        elif isinstance(event, events.Ended):
            since = self._since.get((event.result.environment, event.result.case), now)
            self.wall[label(event.result)] = now - since
        self._shown(event)

    @property
    def text(self) -> str:
        return self._console.export_text(styles=False)


def label(result: Result) -> str:
    return result.case if result.tensorflow == HOME else f"{result.case} of the neighbour"


def carry_out(
    engine: Engine,
    environments: dict[str, Environment],
    site: Site,
    hostile: Repro,
) -> Evidence:
    """Measure `hostile` in both environments (the good cases alone in the neighbour's)."""
    watch = Watch()
    releases = [environment.target.release for environment in environments.values()]
    batch = arrange(_cells(hostile, releases), engine, lambda t: environments[t.release.version])
    infos = environment_infos(batch.batches, batch.known, engine, {})
    info = RunInfo(id="the-run", started="", engine=engine.name, tool_version="0", command="")
    head = Run(info=info, environments=infos, results=(), repros=(hostile,))
    log = journal.Journal(site.run, head)
    log.keep_script(hostile.name, hostile.script.read_text("utf-8"))
    with local_workers(engine, watch, jobs=2, memory_mb=2048) as workers:
        Pipeline(
            workers=workers,
            store=Store(site.folder / "store"),
            journal=log,
            snapshots={hostile.name: snapshot.take_snapshot(hostile, site.folder / "snapshots")},
            options=Options(mode="fresh"),
            emit=watch,
        ).run(batch.batches)
    log.close()
    return evidence(site, watch)


def _cells(hostile: Repro, releases: list[Release]) -> list[Any]:
    matrix = Matrix(source=Path("matrix.yaml"), tf="", repros=(hostile,))
    return [
        evolve(cell, case=evolve(cell.case, args=("good", "slowly")))
        if cell.target.release.version == NEIGHBOUR
        else cell
        for cell in plan.cells(matrix, releases)
        if cell.target.release.version == HOME or cell.case.name == "before"
    ]


def evidence(site: Site, watch: Watch) -> Evidence:
    read = journal.read_run(site.run)
    publish.write(read, site.run)
    seen = watch.text + publish.terminal(read, 100)
    lines = {
        label(result): {
            "verdict": result.outcome.verdict.value,
            "reason": result.outcome.reason,
            "signature": result.outcome.signature or "",
            "seconds": result.seconds,
            "attempts": result.attempts,
            "observations": dict(result.observations),
            "log": (site.run / result.log).read_text("utf-8") if result.log else "",
        }
        for result in read.results
    }
    return Evidence(cells=lines, wall=watch.wall, terminal=seen)
