"""One cell after the other, each measured by a small run of the pipeline into one journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import evolve

from runner.cells.snapshot import Snapshot
from runner.cells.store import Store
from runner.model import Cell, EnvironmentInfo, Result, Run
from runner.pipeline import (
    Backend,
    Lock,
    Options,
    Pipeline,
    Workload,
    arrange,
    described,
    events,
)
from runner.runs import journal


class Looks:
    """Measures the cells that it is asked for. What it leaves is a run like any other."""

    def __init__(
        self,
        *,
        run: Run,
        folder: Path,
        backend: Backend,
        lock: Lock,
        store: Store,
        emit: events.Emit,
        snapshots: Mapping[str, Snapshot],
    ) -> None:
        self.run = run
        self.folder = folder
        self.count = 0
        self._backend = backend
        self._lock = lock
        self._store = store
        self._emit = emit
        self._snapshots = snapshots
        self._results: list[Result] = []

    def look(self, cell: Cell, options: Options, released: dict[str, str]) -> Result:
        """Measure `cell`, or answer from the store where `options` let it."""
        load = arrange([cell], self._backend.engine, self._lock)
        infos = described(load.works, load.known, self._backend.engine, released)
        known = {info.id: info for info in (*self.run.environments, *infos)}
        self.run = evolve(self.run, environments=tuple(known.values()))
        self.with_journal(lambda log: self._carry_out(load, log, options))
        self.count += 1
        return self._results.pop()

    def amend(self, result: Result, output: str) -> None:
        """Put `result` in the place of what was last said of its cell."""
        self.with_journal(lambda log: log.append(result, output))

    def output(self, result: Result) -> str:
        """What the cell printed, as the journal has it now."""
        return (self.folder / result.log).read_text("utf-8") if result.log else ""

    def environment(self, result: Result) -> EnvironmentInfo:
        return next(info for info in self.run.environments if info.id == result.environment)

    def with_journal(self, write: Callable[[journal.Journal], object]) -> None:
        """The journal opened, written to and closed: its head has the environments so far."""
        log = journal.Journal(self.folder, self.run)
        try:
            write(log)
        finally:
            log.close()

    def _carry_out(self, load: Workload, log: journal.Journal, options: Options) -> None:
        for work in load.works:
            log.keep_environment(work.environment)
        self._results += [log.append(result, "") for result in load.known]
        with self._backend.workers(self._take) as workers:
            Pipeline(
                workers=workers,
                store=self._store,
                journal=log,
                snapshots=self._snapshots,
                options=options,
                emit=self._take,
            ).run(load.works)

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            self._results.append(event.result)
        self._emit(event)
