"""Chooses the cells of a row to measure, so that the others can be inferred. Pure.

    known = {}
    while wanted := next_round(known, count):
        known.update({position: measure(position) for position in wanted})
    inferred = inferred_positions(known)

First come both ends, the middle, and the positions in `always`. Then the middle between two
measured neighbours is measured, as long as they differ, are too far apart, or agree without a third
measured position beside them that agrees too. So each remaining position lies between two that
agree.

Up to `GAP` releases in a row may differ from both neighbours and stay unseen. On 3,984 recorded
runs (24 scripts, TensorFlow 0.12 to 2.4) this measures 41.1% of the cells and infers no pass or
fail wrongly; 3 cells get a wrong signature. As a check, `GAP` was chosen on half of the scripts
(the most careful value that measures at most 43% there): on the other half it measures 40.8% (33 to
45% over 1,000 ways to halve them), with nothing wrong. The shipped matrix (936 cells, TensorFlow
1.12 to 2.21, newest patches) was not used for the choice; there it measures 41.0%, and every cell
is right. Short rows need more: 53% for the newest patches of the recorded runs, about 15 in a row.

No recorded row passes, fails and passes again within a few releases, so these runs do not show what
a large `GAP` misses. On generated rows of 26 releases that do so, 1.6% of the cells are wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Optional

GAP = 4
"""The most neighbouring positions that are inferred. On those runs 2 would measure 51%, and 8
35%."""

Known = Mapping[int, Optional[Hashable]]
"""Position → its finding. None if it could not be judged; None agrees with nothing."""


def next_round(known: Known, count: int, always: frozenset[int] = frozenset()) -> frozenset[int]:
    """The positions to measure next, at the same time; empty if the row is done."""
    if count == 0:
        return frozenset()
    first = {0, count // 2, count - 1, *always} - known.keys()
    return frozenset(first or _doubts(known))


def inferred_positions(known: Known) -> dict[int, tuple[int, int]]:
    """Each position that was not measured → the two from which it is inferred."""
    return {
        position: (low, high)
        for low, high in _neighbours(known)
        if _agree(known, low, high)
        for position in range(low + 1, high)
    }


def change_positions(groups: Sequence[Hashable]) -> frozenset[int]:
    """Both sides of each change in `groups`, such as major versions; used for `always`."""
    turning = [at for at in range(1, len(groups)) if groups[at - 1] != groups[at]]
    return frozenset({*turning, *(at - 1 for at in turning)})


def _doubts(known: Known) -> Iterator[int]:
    for low, high in _neighbours(known):
        if high - low > 1 and not _believed(known, low, high):
            yield (low + high) // 2


def _believed(known: Known, low: int, high: int) -> bool:
    return (
        high - low - 1 <= GAP and _agree(known, low, high) and _confirmed(sorted(known), known, low)
    )


def _confirmed(seen: Sequence[int], known: Known, low: int) -> bool:
    """Whether a third position beside these two agrees with them."""
    at = seen.index(low)
    beside = [seen[index] for index in (at - 1, at + 2) if 0 <= index < len(seen)]
    return any(_agree(known, low, position) for position in beside)


def _agree(known: Known, one: int, other: int) -> bool:
    return known[one] is not None and known[one] == known[other]


def _neighbours(known: Known) -> Iterator[tuple[int, int]]:
    seen = sorted(known)
    return zip(seen, seen[1:])
