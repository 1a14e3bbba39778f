"""Finds where NO turns into YES along a row, in the fewest looks. Pure and three-valued.

    known = {}
    while (look := next_look(known, count)) is not None:
        known[look] = judge(look)          # True, False, or None: cannot be judged
    found = boundary(known, count)

All state is in `known`. So a search can stop, resume, and be asked which looks may follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from attrs import frozen

Known = Mapping[int, Optional[bool]]
"""Position → the judgement there."""


@frozen(kw_only=True)
class Boundary:
    """The first YES is at `first_yes` or at one of `unknown`; it is nowhere else."""

    last_no: int
    first_yes: int
    unknown: tuple[int, ...]
    """All positions between the two sides: each was looked at and could not be judged."""


def next_look(known: Known, count: int, coarse: Sequence[int] = ()) -> Optional[int]:
    """The position to look at next; None if the search is over.

    Both ends come first: without a NO at the first and a YES at the last there is no boundary.
    After that, positions in `coarse` come before all others while they can narrow the search.
    """
    for end, wanted in ((count - 1, True), (0, False)):
        if end not in known:
            return end
        if known[end] is not wanted:
            return None
    low, high = _bracket(known)
    for tier in (coarse, range(count)):
        inside = [position for position in tier if low < position < high]
        if any(position not in known for position in inside):
            return _middle(inside, known)
    return None


def boundary(known: Known, count: int, coarse: Sequence[int] = ()) -> Optional[Boundary]:
    """The result of a search that is over; None if the ends are not NO and YES."""
    if next_look(known, count, coarse) is not None:
        raise ValueError("the search is not over")
    if known[count - 1] is not True or known.get(0) is not False:
        return None
    low, high = _bracket(known)
    return Boundary(last_no=low, first_yes=high, unknown=tuple(range(low + 1, high)))


def _bracket(known: Known) -> tuple[int, int]:
    """The first YES, and the last NO before it."""
    high = min(position for position, answer in known.items() if answer is True)
    low = max(p for p, answer in known.items() if answer is False and p < high)
    return low, high


def _middle(inside: Sequence[int], known: Known) -> int:
    """The unseen position nearest to the middle, farther away for each that could not be judged.

    Releases that cannot be judged come in blocks, so their neighbours are poor choices.
    """
    middle = (len(inside) - 1) / 2
    ranked = sorted(range(len(inside)), key=lambda rank: (abs(rank - middle), rank))
    unseen = [inside[rank] for rank in ranked if inside[rank] not in known]
    step = (1 << (len(inside) - len(unseen))) - 1
    return unseen[min(step, len(unseen) // 2)]
