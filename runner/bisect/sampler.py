"""Runs releases until the evidence about a noisy value suffices, or a bound is reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Optional

from attrs import frozen

from runner.cells.flakiness.evidence import Budget, Judgement, Question, decide

Draw = Callable[[int], Optional[float]]
"""Runs the release at a position once: its value, or None if the run has none."""


@frozen(kw_only=True)
class Evidence:
    """The values of a release and what they show."""

    judgement: Optional[Judgement]
    """None if a run has no value."""
    question: Question
    values: tuple[float, ...] = ()
    good: tuple[float, ...] = ()
    """The values of the good release, measured in turns with these; empty for a bound."""
    chance: Optional[float] = None
    """The smaller of the two p-values; None without values."""

    @property
    def answer(self) -> Optional[bool]:
        """Whether it is bad; None if that is ambiguous or has no value."""
        decided = self.judgement in (Judgement.GOOD, Judgement.BAD)
        return self.judgement is Judgement.BAD if decided else None

    @property
    def ambiguous(self) -> bool:
        return self.judgement is Judgement.AMBIGUOUS

    @property
    def median(self) -> float:
        """The median of the values, of which there is at least one."""
        return median(self.values)

    @property
    def words(self) -> str:
        """`6 runs from 598.1 to 640.2, limit 576.4 (1.2 × 480.3)`; "" without values."""
        if not self.values:
            return ""
        few, most = shown_number(min(self.values)), shown_number(max(self.values))
        runs = f"{len(self.values)} runs from {few} to {most}"
        limit = shown_number(self.question.limit)
        if not self.question.relative:
            return f"{runs}, limit {limit}"
        if not self.good:
            return runs
        middle = median(self.good)
        product = shown_number(self.question.limit * middle)
        return f"{runs}, limit {product} ({limit} × {shown_number(middle)})"


def shown_number(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


class Sampler:
    """Judges one release after another. The first run of each is not counted: it fills caches.

    For a relative question, the good release runs in turns with the other, anew for each: only
    what was measured at the same time, on the same machine, is compared.
    """

    def __init__(
        self, *, question: Question, budget: Budget, draw: Draw, good: Optional[int] = None
    ) -> None:
        """`good` is the position of the good release; None for a bound."""
        self._question = question
        self._budget = budget
        self._draw = draw
        self._good = good
        self._judged = 0
        self._warm: set[int] = set()

    def judge(self, at: int) -> Evidence:
        """The evidence on the release at a position."""
        places = [at] if self._good is None else list(dict.fromkeys([self._good, at]))
        if not all(self._warm_up(place) for place in places):
            return Evidence(judgement=None, question=self._question)
        if at == self._good:  # what all others are compared with
            return Evidence(judgement=Judgement.GOOD, question=self._question)
        evidence = Evidence(judgement=Judgement.AMBIGUOUS, question=self._question)
        seen: dict[int, list[float]] = {place: [] for place in places}
        number, self._judged = self._judged, self._judged + 1
        for runs, level in self._budget.looks(self._question, number):
            if not self._draw_until(runs, seen):
                return Evidence(judgement=None, question=self._question)
            evidence = self._evidence(
                seen[at], [] if self._good is None else seen[self._good], level
            )
            if not evidence.ambiguous:
                break
        return evidence

    def _evidence(self, values: list[float], good: list[float], level: float) -> Evidence:
        chances = self._question.chances(values, good)
        return Evidence(
            judgement=decide(chances, level),
            question=self._question,
            values=tuple(values),
            good=tuple(good),
            chance=min(chances),
        )

    def evidence_of_good(self, drawn: Sequence[Optional[float]]) -> Evidence:
        """All values of the good release, of which the first is not counted."""
        values = tuple(each for each in drawn[1:] if each is not None)
        return Evidence(judgement=Judgement.GOOD, question=self._question, values=values)

    def _warm_up(self, place: int) -> bool:
        """Whether the release has a value at all."""
        if place not in self._warm and self._draw(place) is not None:
            self._warm.add(place)
        return place in self._warm

    def _draw_until(self, runs: int, seen: dict[int, list[float]]) -> bool:
        """Adds values until there are `runs` of each; False if a run has no value.

        Each round begins with the release that ended the last one, so that a machine which becomes
        slower harms both alike.
        """
        done = len(next(iter(seen.values())))
        for turn in range(done, runs):
            for place in sorted(seen, reverse=turn % 2 == 1):
                value = self._draw(place)
                if value is None:
                    return False
                seen[place].append(value)
        return True
