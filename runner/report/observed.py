"""Where the observed values change though the outcome does not: `passes everywhere, but …`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from runner.grid import Column, Grid, Row
from runner.model import Json
from runner.tolerance import differs


@frozen(kw_only=True)
class Shift:
    """A value that is not what it was, in a case that ends as it did."""

    row: Row
    name: str
    before: Column
    after: Column
    old: Json
    new: Json


@frozen
class _Seen:
    """Since when a value has been as it is. Compared with this, many small steps add up."""

    column: Column
    last: Column
    finding: str
    value: Json


def shifts(grid: Grid) -> tuple[Shift, ...]:
    """All of them: by release, then by name, then by row."""
    found = [
        shift
        for lane in grid.lanes.values()
        for row in grid.rows
        for shift in _along(grid, row, lane)
    ]
    return tuple(sorted(found, key=lambda s: (s.after.index, s.before.index, s.name, s.row.index)))


def _along(grid: Grid, row: Row, lane: Sequence[Column]) -> Iterator[Shift]:
    seen: dict[str, _Seen] = {}
    for column in lane:
        cell, finding = grid.cell(row, column), grid.mark(row, column).finding
        if cell is None or finding is None:
            continue
        for name, value in cell.observations.items():
            old = seen.get(name)
            if old is not None and old.finding == finding and not differs(old.value, value):
                seen[name] = _Seen(old.column, column, finding, old.value)
                continue
            if old is not None and old.finding == finding:
                yield Shift(
                    row=row, name=name, before=old.last, after=column, old=old.value, new=value
                )
            seen[name] = _Seen(column, column, finding, value)
