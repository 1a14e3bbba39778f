"""Chooses the next look in a row of releases with two, one or no named ends. Pure.

If an end is not named, the search walks back from the newest release in growing steps until a
release behaves differently. Between these two it bisects.

    answers = {}                              # position → bad, good (False) or cannot be judged
    while (look := row.next_look(answers)) is not None:
        answers[look] = judge(look)
    found = row.change(answers)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from attrs import frozen

from runner.bisect import bisect

Answers = Mapping[int, Optional[bool]]
"""Position → whether it is bad; None if it cannot be judged."""


@frozen(kw_only=True)
class ChangePoint:
    """Two positions that differ; no position between them could be judged."""

    before: int
    after: int
    unknown: tuple[int, ...]
    """All positions between the two."""
    to_bad: bool
    """Whether the newer position is bad; else the older one is."""

    def contradictions(self, answers: Answers) -> tuple[int, ...]:
        """Positions that contradict this as the only change."""
        return tuple(
            at
            for at, bad in sorted(answers.items())
            if bad is not None and (bad is self.to_bad) is (at <= self.before)
        )


@frozen(kw_only=True)
class SearchRange:
    """`count` positions, oldest first. `good` and `bad` are the ends that the user named."""

    count: int
    coarse: Sequence[int] = ()
    """Positions that come before all others."""
    good: Optional[int] = None
    bad: Optional[int] = None

    def next_look(self, answers: Answers) -> Optional[int]:
        """The position to look at next; None if the search is over."""
        look, ends = self._ends(answers)
        if look is not None or ends is None:
            return look
        found = bisect.next_look(ends.known(answers), ends.count, ends.coarse(self.coarse))
        return None if found is None else found + ends.low

    def most_looks(self) -> int:
        """The most positions that a search looks at if all can be judged and one change exists."""
        rising = self.good is None or self.bad is None or self.good < self.bad
        return max(self._looks(turn, rising) for turn in range(1, max(2, self.count)))

    def _looks(self, turn: int, rising: bool) -> int:
        """The looks of a search if the positions from `turn` on are bad; if not `rising`, good."""
        answers: dict[int, Optional[bool]] = {}
        while (at := self.next_look(answers)) is not None:
            answers[at] = (at >= turn) is rising
        return len(answers)

    def foreseen(self, answers: Answers, look: int) -> tuple[int, ...]:
        """The positions that come next if `look` is bad, and if it is good."""
        after = (self.next_look({**answers, look: bad}) for bad in (True, False))
        return tuple(dict.fromkeys(each for each in after if each is not None))

    def change(self, answers: Answers) -> Optional[ChangePoint]:
        """The result of a search that is over; None if no position behaves differently."""
        _, ends = self._ends(answers)
        if ends is None:
            return None
        known, coarse = ends.known(answers), ends.coarse(self.coarse)
        found = bisect.boundary(known, ends.count, coarse)
        if found is None:
            return None
        return ChangePoint(
            before=found.last_no + ends.low,
            after=found.first_yes + ends.low,
            unknown=tuple(at + ends.low for at in found.unknown),
            to_bad=ends.to_bad,
        )

    def wrong_end(self, answers: Answers) -> Optional[int]:
        """The named end whose result contradicts its name, once it was looked at.

        An end that was judged comes before one that could not be.
        """
        claims = ((self.bad, True), (self.good, False))
        claimed = ((at, bad) for at, bad in claims if at is not None and at in answers)
        wrong = [at for at, bad in claimed if answers[at] is not bad]
        return min(wrong, key=lambda at: answers[at] is None, default=None)

    def is_swapped(self, answers: Answers) -> bool:
        """Whether the end that the user calls good is bad, and the one called bad is good."""
        judged = [answers.get(at) for at in (self.good, self.bad) if at is not None]
        return judged == [True, False]

    def _other_end(self, answers: Answers) -> Optional[int]:
        """After a judged end that is wrong, the other one: it tells whether they are swapped."""
        ends = [at for at in (self.good, self.bad) if at is not None]
        seen = [answers[at] for at in ends if at in answers]
        return next((at for at in ends if at not in answers), None) if None not in seen else None

    def only_coarse(self) -> tuple[SearchRange, tuple[int, ...]]:
        """A range of the coarse positions and the named ends, and the list of these positions."""
        ends = {at for at in (self.good, self.bad) if at is not None}
        kept = sorted({*(self.coarse or range(self.count)), *ends})
        return self.only(kept), tuple(kept)

    def only(self, kept: Sequence[int], coarse: Sequence[int] = ()) -> SearchRange:
        """A range of the positions `kept`, among which are the named ends.

        `coarse` are positions in the new range.
        """
        moved = {at: new for new, at in enumerate(kept)}
        good = None if self.good is None else moved[self.good]
        bad = None if self.bad is None else moved[self.bad]
        return SearchRange(count=len(kept), coarse=coarse, good=good, bad=bad)

    def _ends(self, answers: Answers) -> tuple[Optional[int], Optional[_Ends]]:
        """The next look while an end is unknown, then the ends; both None if there is no change."""
        if self.wrong_end(answers) is not None:
            return self._other_end(answers), None
        if self.good is not None and self.bad is not None:
            low, high = sorted((self.good, self.bad))
            return None, _Ends(low=low, high=high, to_bad=self.bad == high)
        named, bad = (self.bad, True) if self.good is None else (self.good, False)
        if named is not None and named not in answers:
            return named, None
        walk = _walk(answers, self._newest_first(), None if named is None else bad)
        if walk.other is None:
            return walk.look, None
        if self.good is not None:
            return None, _Ends(low=self.good, high=walk.other, to_bad=True)
        assert walk.same is not None
        to_bad = answers[walk.same] is True
        return None, _Ends(low=walk.other, high=walk.same, to_bad=to_bad)

    def _newest_first(self) -> Sequence[int]:
        """The positions to walk over, newest first."""
        wanted = {*(self.coarse or range(self.count)), self.count - 1}
        return sorted(wanted - {self.good}, reverse=True)


@frozen(kw_only=True)
class _Ends:
    """The two positions on both sides of the change. The newer one counts as YES."""

    low: int
    high: int
    to_bad: bool

    @property
    def count(self) -> int:
        return self.high - self.low + 1

    def known(self, answers: Answers) -> dict[int, Optional[bool]]:
        inside = ((at, bad) for at, bad in answers.items() if self.low <= at <= self.high)
        return {at - self.low: None if bad is None else bad is self.to_bad for at, bad in inside}

    def coarse(self, positions: Sequence[int]) -> list[int]:
        return [at - self.low for at in positions if self.low <= at <= self.high]


@frozen(kw_only=True)
class _Walk:
    """`other` is the first position that differs, `same` the last that does not. `look` is next."""

    look: Optional[int] = None
    same: Optional[int] = None
    other: Optional[int] = None


def _walk(answers: Answers, order: Sequence[int], usual: Optional[bool]) -> _Walk:
    """Walks along `order` in growing steps to a position that is not `usual`.

    If `usual` is None, the first judged position defines it.
    """
    at, step = -1, 1
    same: Optional[int] = None
    while at < len(order) - 1:
        found = None
        for candidate in _candidates(at, min(at + step, len(order) - 1), len(order)):
            if order[candidate] not in answers:
                return _Walk(look=order[candidate])
            if answers[order[candidate]] is not None:
                found = candidate
                break
        if found is None:
            break
        bad = answers[order[found]]
        if usual is not None and bad is not usual:
            return _Walk(same=same, other=order[found])
        step = step * 2 if same is not None else 1
        usual, same, at = bad, order[found], found
    return _Walk(same=same)


def _candidates(last: int, wanted: int, count: int) -> Iterator[int]:
    """Positions to try until one can be judged: `wanted`, those beyond it, those before it."""
    yield from range(wanted, count)
    yield from range(wanted - 1, last, -1)
