"""Judges a noisy value by several runs: good, bad or ambiguous. Pure. docs/noise.md explains it.

The tests are exact and assume no distribution. Two samples: the one-sided Mann–Whitney test (Mann
and Whitney, "On a test of whether one of two random variables is stochastically larger", 1947). A
sample and a bound: the sign test.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Optional

from attrs import frozen

WRONG = 0.05
"""The chance that a whole search judges any release wrongly is at most this."""
MOST_RUNS = 50
"""The largest bound on the runs of a release."""


class Judgement(str, Enum):
    """What the runs of a release show. `AMBIGUOUS` is never counted as one of the others."""

    GOOD = "good"
    BAD = "bad"
    AMBIGUOUS = "ambiguous"


def rank_sum_chance(high: Sequence[float], low: Sequence[float]) -> float:
    """How often chance alone puts `high` so far above `low`: the p-value of Mann–Whitney.

    It counts all choices of `len(high)` of the values. Equal values share their ranks.
    """
    pooled = sorted([*high, *low])
    # Twice the mean rank is a whole number.
    rank = {each: bisect_left(pooled, each) + bisect_right(pooled, each) + 1 for each in pooled}
    # chosen[k] is a polynomial in one integer: the coefficient of x^s, `lane` bits wide, counts the
    # choices of k values whose ranks have the sum s.
    lane = len(pooled) + 1
    chosen = [1] + [0] * len(high)
    for each in pooled:
        for count in range(len(high), 0, -1):
            chosen[count] += chosen[count - 1] << (lane * rank[each])
    above = chosen[-1] >> (lane * sum(rank[each] for each in high))
    return sum(_lanes(above, lane)) / math.comb(len(pooled), len(high))


def _lanes(number: int, lane: int) -> Iterator[int]:
    while number:
        yield number & ((1 << lane) - 1)
        number >>= lane


def sign_chance(above: int, runs: int) -> float:
    """How often chance alone puts `above` of `runs` values, or more, on one side of their
    median."""
    return sum(math.comb(runs, each) for each in range(above, runs + 1)) / (1 << runs)


@frozen(kw_only=True)
class Question:
    """Whether the values of a release lie beyond a limit."""

    limit: float
    """The bound, or the factor of each value of the good release."""
    relative: bool
    """Whether values of the good release decide."""
    below: bool = False
    """Whether values below the limit are bad, else those above."""

    def chances(self, values: Sequence[float], good: Sequence[float]) -> tuple[float, float]:
        """The p-values of "it is bad" and "it is good". `good` counts if `relative`."""
        if not self.relative:
            beyond = sum(each < self.limit if self.below else each > self.limit for each in values)
            return sign_chance(beyond, len(values)), sign_chance(len(values) - beyond, len(values))
        limits = [self.limit * each for each in good]
        above, below = rank_sum_chance(values, limits), rank_sum_chance(limits, values)
        return (below, above) if self.below else (above, below)

    def smallest_chance(self, runs: int) -> float:
        """The p-value if all of `runs` values lie on one side."""
        return 1 / math.comb(2 * runs, runs) if self.relative else 0.5**runs


def decide(chances: tuple[float, float], level: float) -> Judgement:
    """Good or bad if its p-value (`Question.chances`) is at most `level`."""
    bad, fine = chances
    if min(bad, fine) > level:
        return Judgement.AMBIGUOUS
    return Judgement.BAD if bad < fine else Judgement.GOOD


@frozen(kw_only=True)
class Budget:
    """How many runs a release may take, and how the chance `WRONG` is shared out.

    The releases that a search looks at if all can be judged share half of it equally; as many more
    share half of the rest, and so on. Of a release's share, the first look at its runs gets three
    quarters, the next three quarters of the rest, and so on. By Bonferroni's inequality, the sum
    bounds the whole.
    """

    planned: int
    """The number of releases that a search looks at if all can be judged."""
    most: Optional[int] = None
    """The bound on the runs of a release; None: four times the fewest."""

    def level(self, number: int, look: int) -> float:
        """The share of a look at the runs of a release; `number` is how many came before it."""
        share = WRONG / self.planned / 2.0 ** (1 + number // self.planned)
        return share * 0.75 * 0.25**look

    def fewest(self, question: Question, number: int = 0) -> int:
        """The fewest runs of a release that can decide."""
        level = self.level(number, 0)
        return next(n for n in range(1, 10**4) if question.smallest_chance(n) <= level)

    def looks(self, question: Question, number: int) -> Iterator[tuple[int, float]]:
        """(runs so far, level): when to judge, with twice the runs each time."""
        fewest = self.fewest(question, number)
        most, look, runs = self.most or 4 * fewest, 0, fewest
        while runs < most:
            yield runs, self.level(number, look)
            look, runs = look + 1, 2 * runs
        yield most, self.level(number, look)
