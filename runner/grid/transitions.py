"""Finds where behaviour changes between the nearest measured neighbours of one device."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from runner.grid.records import CellChange, Column, Mark, Row, Transition


def find_transitions(
    rows: Sequence[Row], columns: Sequence[Column], marks: Sequence[Sequence[Mark]]
) -> tuple[Transition, ...]:
    """The transitions, sorted by the newer release, then the nearest older one first."""
    compared: Counter[tuple[int, int]] = Counter()
    changes: dict[tuple[int, int], list[CellChange]] = defaultdict(list)
    for device in dict.fromkeys(column.device for column in columns):
        lane = [column.index for column in columns if column.device == device]
        for row in rows:
            for pair, before, after in _neighbours(lane, marks[row.index]):
                compared[pair] += 1
                if before != after:
                    changes[pair].append(CellChange(row=row, before=before, after=after))
    return tuple(
        Transition(
            before=columns[first],
            after=columns[last],
            between=_between(columns, first, last),
            compared=compared[(first, last)],
            changes=tuple(changes[(first, last)]),
        )
        for first, last in sorted(changes, key=lambda pair: (pair[1], -pair[0]))
    )


def _neighbours(
    lane: Iterable[int], marks: Sequence[Mark]
) -> Iterator[tuple[tuple[int, int], str, str]]:
    """The pairs of measured cells in a row that have no measured cell between them."""
    last: Optional[tuple[int, str]] = None
    for index in lane:
        finding = marks[index].finding
        if finding is None:
            continue
        if last is not None:
            yield (last[0], index), last[1], finding
        last = (index, finding)


def _between(columns: Sequence[Column], first: int, last: int) -> tuple[Column, ...]:
    inside = columns[first + 1 : last]
    return tuple(column for column in inside if column.device == columns[first].device)
