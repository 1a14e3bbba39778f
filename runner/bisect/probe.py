"""Measures single cells, each by a small run of the pipeline that writes to one journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve

from runner.cells.results import skipped_result
from runner.cells.snapshot import texts
from runner.cells.snapshot.record import Snapshot, snapshot_of
from runner.cells.store import Store
from runner.environments import locks
from runner.errors import UsageError
from runner.model import Cell, EnvironmentInfo, Result, Run
from runner.pipeline import (
    Backend,
    ControlPlan,
    Lock,
    Options,
    Pipeline,
    Workload,
    adaptive,
    arrange,
    environment_infos,
    events,
)
from runner.pipeline.controls import run_controls
from runner.runs.journal import Journal, timestamp
from runner.runs.logs import RunFiles


class Probe:
    """Measures cells on request. It leaves a run like any other."""

    def __init__(
        self,
        *,
        run: Run,
        folder: Path,
        backend: Backend,
        lock: Lock,
        store: Store,
        snapshots: Mapping[str, Snapshot],
        emit: events.Emit,
    ) -> None:
        self.run = run
        self.folder = folder
        self.measured = 0
        """The number of measured cells; stored answers do not count."""
        self._backend = backend
        self._lock = lock
        self._store = store
        self._snapshots = snapshots
        self._emit = emit
        self._results: list[Result] = []

    def recall(self, cells: Sequence[Cell], options: Options) -> dict[int, Result]:
        """Stored results: position → result. It measures, makes and resolves nothing."""
        locked = [cell for cell in cells if locks.is_known(cell.target)]
        batches = arrange(locked, self._backend.engine, self._lock).batches
        with self._pipeline(options) as (pipeline, _):
            stored = adaptive.only_cells(batches, lambda *cell: pipeline.stored(*cell) is not None)
        load = Workload(batches=tuple(stored), known=())
        results = self._carry_out(load, cells, options)
        positions = {(cell.case.name, cell.target): at for at, cell in enumerate(cells)}
        return {
            positions[cell.case.name, cell.target]: self._only(cell, batch.environment.id, results)
            for batch in stored
            for cell in batch.cells
        }

    def measure(self, cell: Cell, options: Options) -> Result:
        """Measures `cell`, or returns the stored answer if `options` allow it."""
        load = arrange([cell], self._backend.engine, self._lock)
        results = self._carry_out(load, [cell], options)
        where = next((batch.environment.id for batch in load.batches), cell.target.label)
        result = self._only(cell, where, results)
        self.measured += not result.cached
        return result

    def _only(self, cell: Cell, environment: str, results: Sequence[Result]) -> Result:
        """The result of `cell`; for a test suite's file, the result of the one selected test.

        Raises `UsageError` if several tests are selected.
        """
        found = [one for one in results if one.environment == environment]
        if cell.repro.suite is None:
            found = [one for one in found if one.case == cell.case.name]
        if len(found) > 1:
            names = ", ".join(one.case for one in found)
            raise UsageError(f"{len(found)} tests are meant; choose one with --case: {names}")
        if found:
            return found[0]
        nothing = skipped_result(cell, environment, "the test is not there")
        self.amend(nothing, "")
        return nothing

    def has_word(self, cell: Cell, word: str) -> bool:
        """Whether the cell's script, or a module beside it, has this word."""
        return texts.has_word(texts.python_text(snapshot_of(cell, self._snapshots)), word)

    def run_controls(
        self,
        wanted: ControlPlan,
        cells: Sequence[Cell],
        results: Sequence[Result],
        options: Options,
    ) -> None:
        """Runs controls that show whether TensorFlow caused a difference, and writes them to the
        journal."""
        batches = arrange(cells, self._backend.engine, self._lock).batches
        with self._pipeline(options) as (pipeline, journal):
            run_controls(wanted, batches, results, self._backend.engine, pipeline, journal)

    def amend(self, result: Result, output: str) -> None:
        """Replaces the last result of the same cell in the journal."""
        self.with_journal(lambda journal: journal.append(result, output))

    def output(self, result: Result) -> str:
        """The output of the cell, as the journal has it now."""
        return RunFiles(self.folder).text(result.log) or ""

    def environment(self, result: Result) -> EnvironmentInfo:
        return next(info for info in self.run.environments if info.id == result.environment)

    def conclude(self, finding: str) -> None:
        """Writes the finding into the run; its reports begin with it."""
        self.run = evolve(self.run, info=evolve(self.run.info, finding=finding))
        self.with_journal(lambda journal: journal.finish(timestamp()))

    def with_journal(self, write: Callable[[Journal], object]) -> None:
        """Opens the journal with all environments so far, writes to it, and closes it."""
        journal = Journal(self.folder, self.run)
        try:
            write(journal)
        finally:
            journal.close()

    def _carry_out(self, load: Workload, cells: Sequence[Cell], options: Options) -> list[Result]:
        """The results of all cells in `load`, which was made from `cells`."""
        releases = {cell.target.release for cell in cells}
        self._describe(load, {each.version: each.released.isoformat() for each in releases})
        self._results = []
        with self._pipeline(options) as (pipeline, journal):
            for batch in load.batches:
                journal.keep_environment(batch.environment)
            self._results += [journal.append(result, "") for result in load.known]
            pipeline.run(load.batches)
        return self._results

    def _describe(self, load: Workload, released: dict[str, str]) -> None:
        """Adds the environments of `load` to the run's."""
        infos = environment_infos(load.batches, load.known, self._backend.engine, released)
        known = {info.id: info for info in (*self.run.environments, *infos)}
        self.run = evolve(self.run, environments=tuple(known.values()))

    @contextmanager
    def _pipeline(self, options: Options) -> Iterator[tuple[Pipeline, Journal]]:
        journal = Journal(self.folder, self.run)
        try:
            with self._backend.workers(self._take) as workers:
                yield (
                    Pipeline(
                        workers=workers,
                        store=self._store,
                        journal=journal,
                        snapshots=self._snapshots,
                        options=options,
                        emit=self._take,
                    ),
                    journal,
                )
        finally:
            journal.close()

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            self._results.append(event.result)
        self._emit(event)
