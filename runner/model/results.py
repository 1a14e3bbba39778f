"""What is known of a cell: one line of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional, Union

from attrs import field, frozen

from runner.model.outcomes import Outcome
from runner.model.values import Json, Whole


@frozen(kw_only=True)
class Result:
    """What is known of one cell: the plan, the facts and the judgement. One line of the journal.

    Its fields are written in this order, so new ones go last.
    """

    repro: str
    case: str
    tensorflow: str
    python: str
    device: str
    environment: str
    outcome: Outcome
    exit_code: Optional[Whole] = None
    signal: Optional[Whole] = None
    seconds: float = 0.0
    max_rss_mb: float = 0.0
    observations: Mapping[str, Json] = field(factory=dict)
    log: Optional[str] = None
    """Path of the log, relative to the run's folder."""
    attempts: Whole = 1
    cached: bool = False
    inferred: Union[bool, tuple[str, ...]] = False
    expected: Optional[str] = None
    """What matrix.yaml expects: a verdict, perhaps `: ` and a part of the signature."""
    unexpected: bool = False
    mode: str = "fresh"
    mode_reason: str = ""
    key: Optional[str] = None
    agreed: Whole = 0
    """Of the attempts, those that found this; 0 where they were not counted as votes."""
    worker: str = ""
    """Of a cluster, the worker that measured it."""
    variant: str = ""
    """What of `case` names its variant: `keras=legacy`."""
    notes: tuple[str, ...] = ()
    """What else a reader should know, such as `::observe` lines that say nothing."""
    git_version: str = ""
    """`tf.version.GIT_VERSION` of the TensorFlow that it imported; empty where it was not seen."""
    matched: Optional[str] = None
    """The line of its output that `fail_on` matches."""
    printed: str = ""
    """Of a pass, a digest over what it printed, as far as that is compared between releases."""
    place: str = ""
    """Of a script that was a notebook, where it failed: `cell 3, line 2`."""

    @property
    def id(self) -> tuple[str, str, str]:
        """(repro, case, environment): what a cell is called within a run."""
        return (self.repro, self.case, self.environment)

    @property
    def votes(self) -> str:
        """`2/3` where the attempts did not all say the same, else nothing."""
        return f"{self.agreed}/{self.attempts}" if 0 < self.agreed < self.attempts else ""
