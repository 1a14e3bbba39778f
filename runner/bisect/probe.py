"""One cell after the other, each measured by a small run of the pipeline into one journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import evolve

from runner.cells.store import Store
from runner.model import Cell, EnvironmentInfo, Result, Run
from runner.pipeline import events, workload
from runner.pipeline.crew import Crew
from runner.pipeline.pipeline import Options, Pipeline
from runner.runs import journal


class Looks:
    """Measures the cells that it is asked for. What it leaves is a run like any other."""

    def __init__(
        self,
        *,
        run: Run,
        folder: Path,
        crew: Crew,
        lock: workload.Lock,
        store: Store,
        emit: events.Emit,
    ) -> None:
        self.run = run
        self.folder = folder
        self.count = 0
        self._crew = crew
        self._lock = lock
        self._store = store
        self._emit = emit
        self._results: list[Result] = []

    def look(self, cell: Cell, options: Options, released: dict[str, str]) -> Result:
        """Measure `cell`, or answer from the store where `options` let it."""
        load = workload.arrange([cell], self._crew.engine, self._lock)
        infos = workload.described(load.works, load.known, self._crew.engine, released)
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

    def _carry_out(self, load: workload.Workload, log: journal.Journal, options: Options) -> None:
        for work in load.works:
            log.keep_environment(work.environment)
        self._results += [log.append(result, "") for result in load.known]
        with self._crew.workers(self._take) as here:
            Pipeline(
                workers=here, store=self._store, journal=log, options=options, emit=self._take
            ).run(load.works)

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            self._results.append(event.result)
        self._emit(event)
