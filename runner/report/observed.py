"""Where the observed values change though the outcome does not: `passes everywhere, but …`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Union

from attrs import frozen
from typing_extensions import TypeGuard

from runner.grid import Column, Grid, Row
from runner.model import Json

TOLERANCE = 1e-4
"""Relative: numbers closer than this are taken for the same."""
NEAR_ZERO = 1e-9
"""Absolute: for numbers that are zero but for rounding."""


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


def differs(old: Json, new: Json) -> bool:
    """Numbers beyond the tolerance, lists and objects item by item, all else by equality."""
    try:
        return _differs(old, new)
    except RecursionError:
        return True


def _differs(old: Json, new: Json) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() != new.keys() or any(_differs(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) != len(new) or any(map(_differs, old, new))
    if _number(old) and _number(new):
        return old != new and not math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=NEAR_ZERO)
    return type(old) is not type(new) or old != new


def _number(value: Json) -> TypeGuard[Union[int, float]]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
