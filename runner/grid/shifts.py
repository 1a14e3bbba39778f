"""Finds changes of observed values in cases whose outcome stays: `passes everywhere, but …`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from attrs import frozen

from runner.grid.records import Column, Mark, Row, Shift
from runner.grid.tolerance import differs
from runner.model import Json, Result


@frozen
class _Seen:
    """The last seen column, and the value before small changes began.

    Comparing with that value lets small steps add up to a change.
    """

    last: Column
    finding: str
    value: Json


def value_shifts(
    rows: Sequence[Row],
    lanes: Iterable[Sequence[Column]],
    cells: Sequence[Sequence[Optional[Result]]],
    marks: Sequence[Sequence[Mark]],
) -> tuple[Shift, ...]:
    """All changes of observed values, sorted by release, then name, then row."""
    found = [
        shift
        for lane in lanes
        for row in rows
        for shift in _along(row, lane, cells[row.index], marks[row.index])
    ]
    return tuple(sorted(found, key=lambda s: (s.after.index, s.before.index, s.name, s.row.index)))


def _along(
    row: Row, lane: Sequence[Column], cells: Sequence[Optional[Result]], marks: Sequence[Mark]
) -> Iterator[Shift]:
    seen: dict[str, _Seen] = {}
    for column in lane:
        cell, finding = cells[column.index], marks[column.index].finding
        if cell is None or finding is None:
            continue
        for name, value in cell.observations.items():
            old = seen.get(name)
            if old is None or old.finding != finding:
                seen[name] = _Seen(column, finding, value)
            elif _same(old.value, value):
                seen[name] = _Seen(column, finding, old.value)
            else:
                seen[name] = _Seen(column, finding, value)
                yield Shift(
                    row=row, name=name, before=old.last, after=column, old=old.value, new=value
                )


def _same(old: Json, new: Json) -> bool:
    """Whether two values are the same.

    Equality is tested first: it is fast, and most values are equal. `repr` tells True from 1.
    """
    try:
        alike = old == new and ((_plain(old) and _plain(new)) or repr(old) == repr(new))
        return alike or not differs(old, new)
    except RecursionError:
        return False


def _plain(value: Json) -> bool:
    """Whether this is a text, a float or a list of floats: equal ones are the same value."""
    if isinstance(value, list):
        return set(map(type, value)) <= {float}
    return type(value) in (str, float)
