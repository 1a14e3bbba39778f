"""How often `bisect` is right about a noisy value: simulated histories with known change points.

    python -m bench.noise

Each history has 26 releases, of which the first is good. The values become `step` times as large at
a random release. The real search, sampler and tests judge them; only the runs are simulated, with
fixed seeds. docs/noise.md shows the table.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple, Optional

from attrs import frozen

from bench.table import table
from runner.bisect.sampler import Draw, Sampler
from runner.bisect.search_range import Answers, SearchRange
from runner.cells.flakiness.evidence import Budget, Question

RELEASES, TIMES = 26, 300
LIMIT = 1.2
"""`value > 1.2 * median(good)`; for a bound, `value > 120`, where good values are near 100."""

Noise = Callable[[random.Random], float]
"""A factor with the median 1."""


def normal(share: float) -> Noise:
    return lambda draw: max(0.01, draw.gauss(1, share))


def heavy(draw: random.Random) -> float:
    """Log-normal: one run of 40 takes more than 1.8 times as long."""
    return draw.lognormvariate(0, 0.3)


def spikes(draw: random.Random) -> float:
    """A busy machine: one run of ten takes three times as long."""
    return draw.gauss(1, 0.05) * (3 if draw.random() < 0.1 else 1)


def outliers(draw: random.Random) -> float:
    """Student's t with two degrees of freedom, whose variance is infinite."""
    slope = draw.gauss(0, 1) / math.sqrt(draw.expovariate(1) or 1.0)
    return max(0.01, 1 + 0.05 * slope)


@frozen(kw_only=True)
class History:
    """What a simulated history is like."""

    name: str
    step: float
    """How many times as large the values are from the change on."""
    noise: Noise
    later: Optional[float] = None
    """The share of normal noise from the change on, if it differs."""
    drift: float = 0.0
    """How much slower the machine becomes with each run, as a share."""
    each: bool = False
    """Whether each release is `step` times as large as the one before."""
    relative: bool = True
    limit: float = LIMIT

    def level(self, at: int, turn: int) -> float:
        """The median value of a release."""
        steps = at if self.each else int(at >= turn)
        return 100 * self.step**steps

    def first_bad(self, turn: int) -> Optional[int]:
        """The first release whose median is beyond the limit; None if there is none."""
        places = (at for at in range(RELEASES) if self.level(at, turn) > 100 * self.limit + 1e-9)
        return next(places, None)

    def runs(self, turn: int, draw: random.Random) -> Draw:
        """The values of runs, one after the other on one machine."""
        slower = itertools.count()
        later = self.noise if self.later is None else normal(self.later)

        def run(at: int) -> float:
            noise = self.noise if at < turn else later
            return self.level(at, turn) * noise(draw) * (1 + self.drift * next(slower))

        return run


FIVE, DRIFT = normal(0.05), 0.005
HISTORIES = (
    History(name="no change, noise 5 %", step=1.0, noise=FIVE),
    History(name="no change, noise 20 %", step=1.0, noise=normal(0.2)),
    History(name="no change, one run of ten three times as long", step=1.0, noise=spikes),
    History(name="no change, slower by 0.5 % with each run", step=1.0, noise=FIVE, drift=DRIFT),
    History(name="1.1 times, noise 5 %", step=1.1, noise=FIVE),
    History(name="1.2 times: exactly the limit, noise 5 %", step=1.2, noise=FIVE),
    History(name="the same, noise 2 % before, 30 % after", step=1.2, noise=normal(0.02), later=0.3),
    History(name="1.3 times, noise 1 %", step=1.3, noise=normal(0.01)),
    History(name="1.3 times, noise 5 %", step=1.3, noise=FIVE),
    History(name="1.5 times, noise 5 %", step=1.5, noise=FIVE),
    History(name="1.5 times, slower by 0.5 % with each run", step=1.5, noise=FIVE, drift=DRIFT),
    History(name="1.5 times, Student's t, 2 degrees of freedom", step=1.5, noise=outliers),
    History(name="1.5 times, noise 20 %", step=1.5, noise=normal(0.2)),
    History(name="2 times, noise 20 %", step=2.0, noise=normal(0.2)),
    History(name="2 times, noise 20 %, limit 1.4", step=2.0, noise=normal(0.2), limit=1.4),
    History(name="2 times, log-normal", step=2.0, noise=heavy),
    History(name="2 times, log-normal, limit 1.4", step=2.0, noise=heavy, limit=1.4),
    History(name="2 times, one run of ten three times as long", step=2.0, noise=spikes),
    History(name="2 % more with each release, noise 2 %", step=1.02, noise=normal(0.02), each=True),
    History(name="bound: no change, noise 5 %", step=1.0, noise=FIVE, relative=False),
    History(name="bound: exactly there, noise 5 %", step=1.2, noise=FIVE, relative=False),
    History(name="bound: 1.5 times, noise 5 %", step=1.5, noise=FIVE, relative=False),
    History(
        name="bound: 2 times, log-normal, limit 1.4",
        step=2.0,
        noise=heavy,
        relative=False,
        limit=1.4,
    ),
)

RIGHT, RANGE, AMBIGUOUS, WRONG = "right", "range", "ambiguous", "wrong"


class Searched(NamedTuple):
    """What came of a search."""

    said: str
    runs: int
    width: int
    """The number of releases that may be the first bad one; 0 without an answer."""


def search(history: History, seed: int) -> Searched:
    """What `bisect` does in a history."""
    draw = random.Random(seed)
    turn, runs = draw.randrange(1, RELEASES), itertools.count()
    value = history.runs(turn, draw)

    def run(at: int) -> Optional[float]:
        next(runs)
        return value(at)

    row = SearchRange(count=RELEASES, good=0, bad=RELEASES - 1)
    scale = 1 if history.relative else 100
    question = Question(limit=scale * history.limit, relative=history.relative)
    sampler = Sampler(
        question=question,
        budget=Budget(planned=row.most_looks() - history.relative),
        draw=run,
        good=0 if history.relative else None,
    )
    answers: dict[int, Optional[bool]] = {}
    at = 0 if history.relative else row.next_look(answers)
    while at is not None:
        answers[at] = sampler.judge(at).answer
        at = row.next_look(answers)
    found = row.change(answers)
    width = found.after - found.before if found else 0
    return Searched(_judged(row, answers, history.first_bad(turn)), next(runs), width)


def search_by_one_run(history: History, seed: int) -> str:
    """The same with one run of each release, and a limit from one run of the good one."""
    draw = random.Random(seed)
    turn = draw.randrange(1, RELEASES)
    value = history.runs(turn, draw)
    row = SearchRange(count=RELEASES, good=0, bad=RELEASES - 1)
    first = value(0) if history.relative else 100.0
    answers: dict[int, Optional[bool]] = {0: False} if history.relative else {}
    while (at := row.next_look(answers)) is not None:
        answers[at] = (value(at) or 0.0) > history.limit * (first or 0.0)
    return _judged(row, answers, history.first_bad(turn))


def _judged(row: SearchRange, answers: Answers, first_bad: Optional[int]) -> str:
    """What a search that is over says, against the truth."""
    found, wrong_end = row.change(answers), row.wrong_end(answers)
    if found is not None:
        inside = first_bad is not None and found.before < first_bad <= found.after
        return WRONG if not inside else RANGE if found.unknown else RIGHT
    assert wrong_end is not None
    if answers[wrong_end] is None:
        return AMBIGUOUS
    return RIGHT if first_bad is None and wrong_end == RELEASES - 1 else WRONG


def row_of(history: History, times: int) -> tuple[str, ...]:
    """One line of the table."""
    searches = [search(history, seed) for seed in range(times)]
    counts = Counter(each.said for each in searches)
    single = Counter(search_by_one_run(history, seed) for seed in range(times))
    shares = {said: _share(count, times) for said, count in counts.items()}
    if RANGE in counts:
        shares[RANGE] += (
            f" (of {median(each.width for each in searches if each.said == RANGE):.0f})"
        )
    runs = sorted(each.runs for each in searches)
    taken = f"{median(runs):.0f} ({runs[times // 20]} to {runs[-1 - times // 20]})"
    columns = (shares.get(said, "0 %") for said in (RIGHT, RANGE, AMBIGUOUS, WRONG))
    return (history.name, *columns, taken, _share(single[WRONG], times))


def _share(count: int, times: int) -> str:
    return f"{100 * count / times:.2g} %" if count < times else "100 %"


def main(times: int = TIMES) -> Iterator[str]:
    yield f"{times} searches of each history."
    heads = ("history", RIGHT, RANGE, AMBIGUOUS, WRONG, "runs (5 % to 95 %)", "wrong by one run")
    yield from ("", *table(heads, (row_of(history, times) for history in HISTORIES)))


if __name__ == "__main__":
    print("\n".join(main()))
