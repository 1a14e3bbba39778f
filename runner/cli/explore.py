"""`run --explore adaptive`: rounds of works, and the results that they leave to be inferred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from attrs import evolve, field, frozen

from runner import events
from runner.model import Cell, Environment, Outcome, Result
from runner.pipeline import Work
from runner.results import skipped
from runner.search import explore


@frozen(kw_only=True)
class Place:
    """A cell and the environment it is to run in."""

    environment: Environment
    cell: Cell

    @property
    def id(self) -> tuple[str, str, str]:
        return (self.cell.repro.name, self.cell.case.name, self.environment.id)


Row = tuple[Place, ...]
"""One case on one device, oldest release first."""


@frozen
class Found:
    """Passes events on, and remembers the results in them."""

    emit: events.Emit
    results: dict[tuple[str, str, str], Result] = field(factory=dict)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Ended):
            self.results[event.result.id] = event.result
        self.emit(event)


def rounds(works: Sequence[Work], found: Found) -> Iterator[list[Work]]:
    """What to measure next, given what was found when it is asked for."""
    asked: set[tuple[str, str, str]] = set()
    while places := [place for row in _rows(works) for place in _wanted(row, asked, found)]:
        asked |= {place.id for place in places}
        yield _works(places)


def inferred(works: Sequence[Work], found: Found) -> Iterator[Result]:
    """The results of all the cells that were not measured."""
    for row in _rows(works):
        known = {at: _finding(place, found) for at, place in _measured(row, found)}
        for at, (low, high) in explore.fill(known).items():
            yield _inferred(row[at], found.results[row[low].id], found.results[row[high].id])


def _rows(works: Sequence[Work]) -> list[Row]:
    rows: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for work in sorted(works, key=lambda work: work.environment.target.release.parsed):
        for cell in work.cells:
            key = (cell.repro.name, cell.case.name, cell.target.device.value)
            rows[key].append(Place(environment=work.environment, cell=cell))
    return list(map(tuple, rows.values()))


def _wanted(row: Row, asked: set[tuple[str, str, str]], found: Found) -> list[Place]:
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


def _works(places: Sequence[Place]) -> list[Work]:
    cells: dict[str, list[Cell]] = defaultdict(list)
    for place in places:
        cells[place.environment.id].append(place.cell)
    environments = {place.environment.id: place.environment for place in places}
    return [Work(environment=environments[id], cells=tuple(cells[id])) for id in cells]


def _inferred(place: Place, before: Result, after: Result) -> Result:
    """Never stored and never unexpected: nobody has seen it."""
    outcome = Outcome(
        verdict=before.outcome.verdict,
        signature=before.outcome.signature,
        reason=f"inferred: {before.tensorflow} and {after.tensorflow} agree",
    )
    plain = skipped(place.cell, place.environment.id, "")
    return evolve(plain, outcome=outcome, inferred=(before.environment, after.environment))
