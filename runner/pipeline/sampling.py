"""Which cells of a row to measure, so that the others can be inferred. Pure.

    known = {}
    while wanted := next_round(known, count):
        known.update({position: measure(position) for position in wanted})
    inferred = inferred_positions(known)

First come both ends, the middle, and what the caller wants measured in any case. Then comes the
middle between two measured neighbours, as long as they differ, lie too far apart, or agree without
a third one beside them that agrees too. All others then lie between two that agree.

Up to `GAP` releases in a row may still differ from both neighbours without being seen. On 3,984
recorded runs (24 scripts, TensorFlow 0.12 to 2.4) this takes 41.1% of the runs and infers no pass
or fail wrongly; 3 cells get another signature than their own. Where `GAP` is chosen by half of the
scripts, the most careful one that takes at most 43% there, it takes 40.8% of the other half's (33
to 45%, over 1,000 ways to halve them), and nothing wrong. On the shipped matrix (936 cells,
TensorFlow 1.12 to 2.21, newest patches), which had no part in the choice, it takes 41.0% and gets
every cell right. Short rows take more: 53% of the recorded runs' newest patches, 15 or so a row.
No recorded row passes, fails and passes again within a few releases, so those say nothing of what
a large `GAP` misses: of generated rows of 26 releases that do, it gets 1.6% of the cells wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Optional

GAP = 4
"""The most positions in a row that are inferred. On those runs 2 would take 51%, and 8 35%."""

Known = Mapping[int, Optional[Hashable]]
"""Position → what was found there; None where it could not be judged, which agrees with nothing."""


def next_round(known: Known, count: int, always: frozenset[int] = frozenset()) -> frozenset[int]:
    """The positions to measure next, at the same time; none when the row is done."""
    if count == 0:
        return frozenset()
    first = {0, count // 2, count - 1, *always} - known.keys()
    return frozenset(first or _doubts(known))


def inferred_positions(known: Known) -> dict[int, tuple[int, int]]:
    """Every position that was not measured → the two that it is inferred from."""
    return {
        position: (low, high)
        for low, high in _neighbours(known)
        if _agree(known, low, high)
        for position in range(low + 1, high)
    }


def turns(groups: Sequence[Hashable]) -> frozenset[int]:
    """Both sides of every place where `groups` changes: releases' majors, say, for `always`."""
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
    """Whether a third one beside these two agrees with them."""
    at = seen.index(low)
    beside = [seen[index] for index in (at - 1, at + 2) if 0 <= index < len(seen)]
    return any(_agree(known, low, position) for position in beside)


def _agree(known: Known, one: int, other: int) -> bool:
    return known[one] is not None and known[one] == known[other]


def _neighbours(known: Known) -> Iterator[tuple[int, int]]:
    seen = sorted(known)
    return zip(seen, seen[1:])
