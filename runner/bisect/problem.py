"""The question of a search: what is bad, and where to look. Pure."""

from __future__ import annotations

from typing import Optional

from attrs import frozen

from runner.bisect.candidates import Candidates
from runner.bisect.criteria import Criterion
from runner.bisect.search_range import SearchRange
from runner.cells.flakiness.evidence import WRONG, Budget
from runner.cells.flakiness.votes import Votes
from runner.errors import UsageError
from runner.model import Cell
from runner.runs.kept import KeptVerdict


@frozen(kw_only=True)
class Problem:
    """The question of a search: the criterion and the candidates."""

    candidates: Candidates
    criterion: Criterion
    votes: Votes
    most_runs: Optional[int] = None
    """If a noisy value decides: the bound on the runs of a release; None for the usual one."""

    @property
    def budget(self) -> Budget:
        """The runs that a noisy value may take."""
        value = self.criterion.value
        compared = value is not None and value.question.relative  # the good release is not judged
        planned = self.positions.most_looks() - compared
        return Budget(planned=max(1, planned), most=self.most_runs)

    @property
    def kept(self) -> dict[int, KeptVerdict]:
        """Position → the verdict that stands in for a release that can no longer be run."""
        kept = self.candidates.kept
        versions = map(self.candidates.version, range(len(self.cells)))
        return {at: kept[version] for at, version in enumerate(versions) if version in kept}

    @property
    def positions(self) -> SearchRange:
        return self.candidates.row

    def check(self) -> None:
        """Raises `UsageError` if a noisy value can never decide."""
        value = self.criterion.value
        if value is None:
            return
        if value.question.relative and self.positions.good is None:
            raise UsageError(f"'{value.words}' compares with the good release: add --good VERSION")
        fewest = self.budget.fewest(value.question)
        if self.most_runs is not None and self.most_runs < fewest:
            raise UsageError(
                f"--repeat {self.most_runs}: to judge '{value.words}' takes at least {fewest} runs "
                "of each release (docs/noise.md)"
            )

    @property
    def in_words(self) -> str:
        """What is bad: `any failure in 2 of 3 runs`."""
        value = self.criterion.value
        if value is None:
            return f"{self.criterion.words}{self.votes.in_words}"
        question, budget = value.question, self.budget
        *_, (most, _) = budget.looks(question, 0)
        runs = f"{budget.fewest(question)} to {most} runs of each release"
        return (
            f"{self.criterion.words}, judged by {runs} (chance of a wrong answer below {WRONG:.0%})"
        )

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.candidates.cells
