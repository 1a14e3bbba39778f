"""The result of one cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional, Union

from attrs import field, frozen

from runner.model.cases import planned_name
from runner.model.outcomes import Outcome
from runner.model.values import Json, Whole


@frozen(kw_only=True)
class KeptFile:
    """A file that a cell left, kept with its run."""

    name: str
    """Its path below the cell's `out/`."""
    path: str
    """Its place, relative to the run's folder."""
    size: Whole
    """In bytes."""
    sha256: str


@frozen(kw_only=True)
class Result:
    """The plan, the facts and the judgement of one cell: one line of the journal.

    Its fields are written in this order, so new ones are added at the end.
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
    """How many of the attempts agree with this one; 0 if attempts were not counted as votes."""
    worker: str = ""
    """The worker that measured it, in a cluster."""
    variant: str = ""
    """The part of `case` that names its variant: `keras=legacy`."""
    notes: tuple[str, ...] = ()
    """Other facts for readers, such as invalid `::observe` lines."""
    git_version: str = ""
    """`tf.version.GIT_VERSION` of the imported TensorFlow; "" if it was not observed."""
    matched: Optional[str] = None
    """The line of its output that `fail_on` matches."""
    printed: str = ""
    """For a pass, the digest of the output lines that are compared between releases."""
    place: str = ""
    """For a script from a notebook, the place of the failure: `cell 3, line 2`."""
    files: tuple[KeptFile, ...] = ()
    """The files that it left in `out/`."""

    @property
    def id(self) -> tuple[str, str, str]:
        """(repro, case, environment): the cell's identity within a run."""
        return (self.repro, self.case, self.environment)

    @property
    def ended(self) -> bool:
        """Whether the script ran until it ended. If such a cell is an error, the script or its
        environment is the reason, and the same cell ends like this again."""
        return self.exit_code is not None or self.signal is not None

    @property
    def planned_id(self) -> tuple[str, str, str]:
        """The id of the planned cell that this result belongs to: for a test, its file's cell."""
        return (self.repro, planned_name(self.case, self.variant), self.environment)

    @property
    def votes(self) -> str:
        """`2/3` if not all attempts agree, else ""."""
        return f"{self.agreed}/{self.attempts}" if 0 < self.agreed < self.attempts else ""
