"""Turns executions into results: lines of the journal, and events."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from attrs import evolve

from runner.cells import left_files
from runner.cells.results import skipped_result
from runner.cells.suites import rows
from runner.model import OUT, Cell, Environment, Execution, Result
from runner.pipeline import events
from runner.runs.journal import Journal

Collect = Callable[[Cell, Execution], None]
"""Gets the facts of each cell, measured now or before: what the journal keeps is less."""


def ignore(_cell: Cell, _execution: Execution) -> None:
    """Collects nothing."""


class Recorder:
    """Writes results into the journal and emits them."""

    def __init__(self, journal: Journal, emit: events.Emit, collect: Collect = ignore) -> None:
        self._journal = journal
        self._emit = emit
        self._collect = collect

    def record(self, environment: Environment, cell: Cell, execution: Execution, key: str) -> None:
        """Records a new measurement of a cell; it is on the disk when this returns."""
        self._collect(cell, execution)
        found = self._found(environment, cell, execution)
        last = len(found) - 1
        results = [
            self._journal.append(evolve(result, key=key), output, sync=at == last)
            for at, (result, output) in enumerate(found)
        ]
        self._tell_ended(environment, cell, results)

    def record_known(
        self, environment: Environment, answers: Iterable[tuple[Cell, Execution, str]]
    ) -> None:
        """Records stored measurements: cells, their executions and keys."""
        known: list[tuple[Result, str]] = []
        ended: list[tuple[Cell, int]] = []
        for cell, execution, key in answers:
            self._collect(cell, execution)
            found = self._found(environment, cell, execution, cached=True)
            known += [(evolve(result, key=key), output) for result, output in found]
            ended.append((cell, len(found)))
        results = iter(self._journal.append_known(known))
        for cell, count in ended:
            self._tell_ended(environment, cell, list(itertools.islice(results, count)))

    def _found(
        self, environment: Environment, cell: Cell, execution: Execution, cached: bool = False
    ) -> list[tuple[Result, str]]:
        found = rows.results(cell, environment.id, execution, cached=cached)
        if not execution.files or cell.repro.keep != OUT:
            return found
        left = left_files.contents(execution.files)
        return [(self._journal.keep_files(result, left), output) for result, output in found]

    def record_skipped(self, environment: Environment, cell: Cell, reason: str) -> None:
        result = skipped_result(cell, environment.id, reason)
        self._emit(events.Ended(result=self._journal.append(result, "")))

    def _tell_ended(self, environment: Environment, cell: Cell, results: Sequence[Result]) -> None:
        name, last = cell.case.name, len(results) - 1
        for at, result in enumerate(results):
            self._emit(events.Ended(result=result, case=name, last=at == last))
        if not results:
            self._emit(events.Empty(repro=cell.repro.name, case=name, environment=environment.id))
