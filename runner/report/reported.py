"""Whether the failure that an issue reports came out, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from runner.cells.signature.reported import is_reported
from runner.grid import Column, Grid, release_range

MOST = 120
"""Characters of the failure."""


def sentences(grid: Grid, quote: Callable[[str], str]) -> Iterator[str]:
    """One for each device; none where no issue reports a failure."""
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
    """`found`, taken apart where another result lies between."""
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
    """The letters of what was judged there; empty strings are passes."""
    marks = (grid.mark(row, column) for row in grid.rows)
    return {mark.letter for mark in marks if mark.finding is not None}
