"""The judgement on an execution."""

from __future__ import annotations

import enum
from typing import Optional

from attrs import frozen


class Verdict(str, enum.Enum):
    """The kinds of outcome, worst last. docs/architecture.md describes when each applies."""

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
        """Whether it is evidence about TensorFlow; a skip or an error never is."""
        return self not in (Verdict.SKIP, Verdict.ERROR)


@frozen(kw_only=True)
class Outcome:
    """The judgement on an execution."""

    verdict: Verdict
    reason: str = ""
    signature: Optional[str] = None

    @property
    def finding(self) -> tuple[Verdict, Optional[str]]:
        """Two outcomes are the same if their findings are. A reason only explains a finding."""
        return self.verdict, self.signature
