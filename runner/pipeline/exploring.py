"""`run --explore adaptive`: rounds of works, and the results that they leave to be inferred.

What the store knows takes no run, so it comes first, all of it, and steers where to look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Union

from attrs import evolve, field, frozen

from runner.cells.results import skipped
from runner.model import Cell, Environment, Outcome, Result
from runner.pipeline import events, explore
from runner.pipeline.pipeline import Work

CellId = tuple[str, str, str]
Chooses = Callable[[Work, Cell], bool]


@frozen(kw_only=True)
class Place:
    """A cell and the environment it is to run in."""

    environment: Environment
    cell: Cell

    @property
    def id(self) -> CellId:
        return (self.cell.repro.name, self.cell.case.name, self.environment.id)


Row = tuple[Place, ...]
"""One case on one device, oldest release first."""


@frozen
class Found:
    """Passes events on, and remembers the results in them.

    A cell that is measured once more has not ended twice: only its result is taken.
    """

    emit: events.Emit
    results: dict[CellId, Result] = field(factory=dict)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            known = event.result.id in self.results
            self.results[event.result.id] = event.result
            if known:
                return
        self.emit(event)


def nothing(_work: Work, _cell: Cell) -> bool:
    return False


def rounds(
    works: Sequence[Work], found: Found, *, stored: Chooses = nothing, whole: bool = False
) -> Iterator[list[Work]]:
    """What to carry out next, given what was found when it is asked for.

    `stored` says which cells the store can answer. With `whole`, an environment that is wanted is
    wanted for all its cells, so that it comes up once and may be dropped when its round is over:
    making one anew takes minutes, and its cells take seconds.
    """
    rows = _rows(works)
    asked: set[CellId] = set()
    chosen = only(works, stored)
    while True:
        if chosen:
            asked |= {place.id for place in _places(chosen)}
            yield chosen
        places = [place for row in rows for place in _wanted(row, asked, found)]
        if not places:
            return
        wanted = {place.environment.id if whole else place.id for place in places}
        chosen = _choose(works, asked, wanted)


def inferred(works: Sequence[Work], found: Found) -> Iterator[Result]:
    """The results of all the cells that were not measured."""
    for row in _rows(works):
        known = {at: _finding(place, found) for at, place in _measured(row, found)}
        for at, (low, high) in explore.fill(known).items():
            yield _inferred(row[at], found.results[row[low].id], found.results[row[high].id])


def only(works: Sequence[Work], chosen: Chooses) -> list[Work]:
    """The works with those cells alone, and without the works that have none."""
    some = (
        evolve(work, cells=tuple(cell for cell in work.cells if chosen(work, cell)))
        for work in works
    )
    return [work for work in some if work.cells]


def these(works: Sequence[Work], results: Sequence[Result]) -> list[Work]:
    """The works with only the cells that these are the results of."""
    ids = {result.id for result in results}
    return only(works, lambda work, cell: Place(environment=work.environment, cell=cell).id in ids)


def _choose(
    works: Sequence[Work], asked: Collection[CellId], wanted: Collection[Union[CellId, str]]
) -> list[Work]:
    """The cells that are wanted, or whose environment is, but for those asked for already."""

    def chosen(work: Work, cell: Cell) -> bool:
        place = Place(environment=work.environment, cell=cell)
        return place.id not in asked and (place.id in wanted or place.environment.id in wanted)

    return only(works, chosen)


def _places(works: Sequence[Work]) -> Iterator[Place]:
    for work in works:
        for cell in work.cells:
            yield Place(environment=work.environment, cell=cell)


def _rows(works: Sequence[Work]) -> list[Row]:
    rows: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for place in sorted(_places(works), key=lambda place: place.cell.target.release.parsed):
        cell = place.cell
        rows[cell.repro.name, cell.case.name, cell.target.device.value].append(place)
    return list(map(tuple, rows.values()))


def _wanted(row: Row, asked: set[CellId], found: Found) -> list[Place]:
    known = {at: _finding(place, found) for at, place in enumerate(row) if place.id in asked}
    majors = explore.turns([place.cell.target.release.parsed.major for place in row])
    return [row[at] for at in sorted(explore.next_round(known, len(row), majors))]


def _measured(row: Row, found: Found) -> list[tuple[int, Place]]:
    return [(at, place) for at, place in enumerate(row) if place.id in found.results]


def _finding(place: Place, found: Found) -> object:
    """What neighbours are compared by; None where there is nothing to compare."""
    result = found.results.get(place.id)
    if result is None or not result.outcome.verdict.judged:
        return None
    return (result.outcome.verdict, result.outcome.signature)


def _inferred(place: Place, before: Result, after: Result) -> Result:
    """Never stored and never unexpected: nobody has seen it."""
    outcome = Outcome(
        verdict=before.outcome.verdict,
        signature=before.outcome.signature,
        reason=f"inferred: {before.tensorflow} and {after.tensorflow} agree",
    )
    plain = skipped(place.cell, place.environment.id, "")
    return evolve(plain, outcome=outcome, inferred=(before.environment, after.environment))
