"""Finds passing cells whose output differs between releases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Optional

from attrs import frozen

from runner.cells.printed import compared_lines
from runner.grid import Column, Row
from runner.model import Result
from runner.report.context import Context

RESTLESS = 4
"""An output that changes more often than this is left out: it says little about one release."""


@frozen(kw_only=True)
class OutputChange:
    """Two releases on which some cases pass but print different text."""

    before: Column
    after: Column
    rows: tuple[Row, ...]
    old: str
    """The first line that differs, as printed on the older release; "" if that output is shorter.
    """
    new: str


def output_changes(context: Context) -> tuple[OutputChange, ...]:
    """The changes in order of releases, without outputs that change often."""
    groups: dict[tuple[int, int, str, str], list[tuple[Row, Column, Column]]] = defaultdict(list)
    for lane in context.grid.lanes.values():
        for row in context.grid.rows:
            found = list(_along(context, row, lane))
            for before, after in found if len(found) <= RESTLESS else ():
                lines = _first_difference(context, row, before, after)
                if lines is not None:
                    groups[(before.index, after.index, *lines)].append((row, before, after))
    return tuple(
        OutputChange(
            before=found[0][1],
            after=found[0][2],
            rows=tuple(row for row, _, _ in found),
            old=old,
            new=new,
        )
        for (_, _, old, new), found in sorted(groups.items(), key=lambda each: each[0][:2])
    )


def _along(context: Context, row: Row, lane: Sequence[Column]) -> Iterator[tuple[Column, Column]]:
    """Pairs of neighbouring passes that started in the same mode and printed different text."""
    last: dict[str, tuple[Column, str]] = {}
    for column in lane:
        cell = context.grid.cell(row, column)
        if cell is None or not _counts(cell):
            continue
        before = last.get(cell.mode)
        if before is not None and before[1] != cell.printed:
            yield before[0], column
        last[cell.mode] = (column, cell.printed)


def _counts(cell: Result) -> bool:
    """Whether the cell passed and its output is known (its log may have been removed)."""
    return cell.outcome.verdict.value == "pass" and not cell.inferred and cell.log is not None


def _first_difference(
    context: Context, row: Row, before: Column, after: Column
) -> Optional[tuple[str, str]]:
    """None if there is none: an older version may have counted other lines."""
    one, other = (context.grid.cell(row, column) for column in (before, after))
    assert one is not None
    assert other is not None
    pairs = zip_longest(
        compared_lines(context.log(one)), compared_lines(context.log(other)), fillvalue=""
    )
    return next((pair for pair in pairs if pair[0] != pair[1]), None)
