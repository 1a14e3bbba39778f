"""Judges a flaky script by several runs: `k` of `n`. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

from attrs import frozen

from runner.errors import UsageError

MOST = 1000


@frozen(kw_only=True)
class Votes:
    """A release is bad if at least `need` of `runs` runs are bad, and good once that is
    impossible."""

    need: int = 1
    runs: int = 1

    @property
    def in_words(self) -> str:
        """` in 2 of 3 runs`; "" if one run decides."""
        return f" in {self.need} of {self.runs} runs" if self.runs > 1 else ""

    def decide(self, answers: Sequence[Optional[bool]]) -> Optional[bool]:
        """Bad (True), good (False), or None while further runs can still decide."""
        bad = answers.count(True)
        if bad >= self.need:
            return True
        possible = self.runs - answers.count(False)
        return False if possible < self.need else None

    def settled(self, answers: Sequence[Optional[bool]]) -> bool:
        """Whether no further run is needed."""
        return len(answers) >= self.runs or self.decide(answers) is not None

    def words(self, answers: Sequence[Optional[bool]]) -> str:
        """`bad in 2 of 3 runs`; "" if one run decides."""
        unjudged = answers.count(None)
        besides = f", {unjudged} could not be judged" if unjudged else ""
        if self.runs == 1:
            return ""
        return f"bad in {answers.count(True)} of {len(answers)} runs{besides}"


def parse_votes(text: str) -> Votes:
    """`5`: bad if most of five runs are; `1/5`: bad if at least one is. Raises `UsageError`."""
    found = re.fullmatch(r"(?:(\d{1,4})/)?(\d{1,4})", text.strip())
    runs = int(found.group(2)) if found else 0
    need = int(found.group(1) or runs // 2 + 1) if found else 0
    if not 1 <= need <= runs <= MOST:
        raise UsageError(f"--repeat {text}: expected N or K/N, such as 5 or 1/5 (at most {MOST})")
    return Votes(need=need, runs=runs)
