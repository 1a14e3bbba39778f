"""`run --explore adaptive`: chooses rounds of batches, and infers the other results from them.

All stored answers come first, because they need no run. They decide which cells to measure next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Union

from attrs import evolve, field, frozen

from runner.cells.results import skipped_result
from runner.model import Cell, Environment, Outcome, Result
from runner.pipeline import events, sampling
from runner.pipeline.workload import Batch

CellId = tuple[str, str, str]
CellFilter = Callable[[Batch, Cell], bool]


@frozen(kw_only=True)
class LocatedCell:
    """A cell and the environment that it runs in."""

    environment: Environment
    cell: Cell

    @property
    def id(self) -> CellId:
        return cell_id(self.environment, self.cell)


def cell_id(environment: Environment, cell: Cell) -> CellId:
    """The id of the cell's result within the run."""
    return (cell.repro.name, cell.case.name, environment.id)


Row = tuple[LocatedCell, ...]
"""One case on one device, oldest release first."""


@frozen
class ResultCollector:
    """Passes events on, and remembers the results in them.

    For a cell that is measured again, only the result is replaced: it counts as ended once.
    """

    emit: events.Emit
    results: dict[CellId, Result] = field(factory=dict)
    tests: dict[CellId, list[CellId]] = field(factory=dict)
    """For each ended cell, its results: one, or one for each test of a suite's file."""

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Empty):
            self.tests.setdefault(event.cell, [])
        elif isinstance(event, events.Ended):
            known = event.result.id in self.results
            self.results[event.result.id] = event.result
            if known:
                return
            self.tests.setdefault(event.cell, []).append(event.result.id)
        self.emit(event)

    def results_of(self, cell: CellId) -> list[Result]:
        """The results of a cell."""
        return [self.results[each] for each in self.tests.get(cell, ())]

    def cells_of(self, results: Sequence[Result]) -> set[CellId]:
        """The cells to which these results belong."""
        wanted = {result.id for result in results}
        return {cell for cell, tests in self.tests.items() if not wanted.isdisjoint(tests)}


def none_stored(_work: Batch, _cell: Cell) -> bool:
    return False


def rounds(
    batches: Sequence[Batch],
    found: ResultCollector,
    *,
    stored: CellFilter = none_stored,
    whole: bool = False,
) -> Iterator[list[Batch]]:
    """The rounds of batches. Each depends on the results so far.

    `stored` tells which cells the store can answer. With `whole`, all cells of a needed environment
    are measured, so that it is made once and may be removed after its round: making it takes
    minutes, its cells take seconds.
    """
    rows = _rows(batches)
    asked: set[CellId] = set()
    chosen = only_cells(batches, stored)
    while True:
        if chosen:
            asked |= {one.id for one in _located(chosen)}
            yield chosen
        located = [one for row in rows for one in _wanted(row, asked, found)]
        if not located:
            return
        wanted = {one.environment.id if whole else one.id for one in located}
        chosen = _choose(batches, asked, wanted)


def infer_rest(batches: Sequence[Batch], found: ResultCollector) -> Iterator[Result]:
    """The results of all cells that were not measured."""
    for row in _rows(batches):
        known = {at: _finding(one, found) for at, one in _measured(row, found)}
        for at, (low, high) in sampling.inferred_positions(known).items():
            yield from _inferred(row[at], found.results_of(row[low].id), row[high].environment)


def only_cells(batches: Sequence[Batch], chosen: CellFilter) -> list[Batch]:
    """The batches with only the cells that `chosen` accepts; empty batches are left out."""
    some = (
        evolve(batch, cells=tuple(cell for cell in batch.cells if chosen(batch, cell)))
        for batch in batches
    )
    return [batch for batch in some if batch.cells]


def batches_of_results(
    batches: Sequence[Batch], results: Sequence[Result], found: ResultCollector
) -> list[Batch]:
    """The batches with only the cells to which these results belong."""
    ids = found.cells_of(results)
    return only_cells(batches, lambda batch, cell: cell_id(batch.environment, cell) in ids)


def _choose(
    batches: Sequence[Batch], asked: Collection[CellId], wanted: Collection[Union[CellId, str]]
) -> list[Batch]:
    """Cells that are needed or whose environment is needed, without cells measured already."""

    def chosen(batch: Batch, cell: Cell) -> bool:
        one = LocatedCell(environment=batch.environment, cell=cell)
        return one.id not in asked and (one.id in wanted or one.environment.id in wanted)

    return only_cells(batches, chosen)


def _located(batches: Sequence[Batch]) -> Iterator[LocatedCell]:
    for batch in batches:
        for cell in batch.cells:
            yield LocatedCell(environment=batch.environment, cell=cell)


def _rows(batches: Sequence[Batch]) -> list[Row]:
    rows: dict[tuple[str, str, str], list[LocatedCell]] = defaultdict(list)
    for one in sorted(_located(batches), key=lambda one: one.cell.target.release.parsed):
        cell = one.cell
        rows[cell.repro.name, cell.case.name, cell.target.device.value].append(one)
    return list(map(tuple, rows.values()))


def _wanted(row: Row, asked: set[CellId], found: ResultCollector) -> list[LocatedCell]:
    known = {at: _finding(one, found) for at, one in enumerate(row) if one.id in asked}
    majors = sampling.change_positions([one.cell.target.release.parsed.major for one in row])
    return [row[at] for at in sorted(sampling.next_round(known, len(row), majors))]


def _measured(row: Row, found: ResultCollector) -> list[tuple[int, LocatedCell]]:
    return [(at, one) for at, one in enumerate(row) if one.id in found.tests]


def _finding(one: LocatedCell, found: ResultCollector) -> object:
    """The value by which neighbours are compared; None if there is none."""
    results = found.results_of(one.id)
    if not results or not all(result.outcome.verdict.judged for result in results):
        return None
    return frozenset((result.case, result.outcome.finding) for result in results)


def _inferred(one: LocatedCell, before: Sequence[Result], after: Environment) -> Iterator[Result]:
    """The inferred result. It is never stored and never unexpected, because it was not measured."""
    for known in before:
        outcome = Outcome(
            verdict=known.outcome.verdict,
            signature=known.outcome.signature,
            reason=f"inferred: {known.tensorflow} and {after.target.release.version} agree",
        )
        plain = evolve(skipped_result(one.cell, one.environment.id, ""), case=known.case)
        yield evolve(plain, outcome=outcome, inferred=(known.environment, after.id))
