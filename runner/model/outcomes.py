"""What an execution is judged to be."""

from __future__ import annotations

import enum
from typing import Optional

from attrs import frozen


class Verdict(str, enum.Enum):
    """The kinds of outcome, worst last. See docs/architecture.md for when each applies."""

    PASS = "pass"
    FAIL = "fail"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OOM = "oom"
    SKIP = "skip"
    ERROR = "error"

    def __str__(self) -> str:
        return self.value

    @property
    def judged(self) -> bool:
        """Whether this says something about TensorFlow; a skip or an error never does."""
        return self not in (Verdict.SKIP, Verdict.ERROR)


@frozen(kw_only=True)
class Outcome:
    """The judgement on an execution."""

    verdict: Verdict
    reason: str = ""
    signature: Optional[str] = None

    @property
    def finding(self) -> tuple[Verdict, Optional[str]]:
        """What was found: two outcomes are the same where this is. A reason only explains it."""
        return self.verdict, self.signature
