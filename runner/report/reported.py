"""Says in a sentence on which releases the failure that an issue reports appears."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from runner.cells.signature.reported import is_reported
from runner.grid import Column, Grid, release_range

MOST = 120
"""At most this many characters of the failure are shown."""


def reported_sentences(grid: Grid, quote: Callable[[str], str]) -> Iterator[str]:
    """One sentence for each device; none if no issue reports a failure."""
    failure = grid.run.info.reported
    for device, lane in grid.lanes.items() if failure else ():
        where = f", on {quote(device)}" if len(grid.lanes) > 1 else ""
        judged = [column for column in lane if _findings(grid, column)]
        yield (
            f"The issue's own failure ({quote(failure[:MOST])}){where} "
            f"{_appears([c for c in judged if _shows(grid, c, failure)], judged)}."
        )


def _appears(found: Sequence[Column], judged: Sequence[Column]) -> str:
    if not found:
        return "did not come out on any release"
    if len(found) == len(judged):
        return "appears on every release that was judged"
    return f"appears on {', '.join(map(release_range, _neighbours(found, judged)))}"


def _neighbours(found: Sequence[Column], judged: Sequence[Column]) -> list[list[Column]]:
    """`found` in ranges, split where a release in between shows another result."""
    parts: list[list[Column]] = [[]]
    for column in judged:
        if column in found:
            parts[-1].append(column)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _shows(grid: Grid, column: Column, failure: str) -> bool:
    letters = {entry.letter: entry.signature for entry in grid.legend}
    return any(is_reported(failure, letters.get(found, "")) for found in _findings(grid, column))


def _findings(grid: Grid, column: Column) -> set[str]:
    """The letters of the judged cells on this release; "" stands for a pass."""
    marks = (grid.mark(row, column) for row in grid.rows)
    return {mark.letter for mark in marks if mark.finding is not None}
