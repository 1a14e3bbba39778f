"""The facts of one run of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from attrs import field, frozen

from runner.model.values import Json, Whole

UNPREPARED = "the environment could not be prepared: "
"""The start of `trouble` if the cell's environment could not be made."""


@frozen(kw_only=True)
class Reads:
    """What a cell read besides Python, TensorFlow and the system, as far as that was observed."""

    opened: Optional[tuple[str, ...]] = None
    """The files below the script's folder; None if not all could be observed."""
    listed: Optional[tuple[str, ...]] = None
    """The folders below it, `.` for itself; None if this Python cannot show them."""
    missing: tuple[str, ...] = ()
    """Names below it that the cell looked for and did not find."""
    outside: tuple[str, ...] = ()
    """Files elsewhere that the cell opened, with their whole paths."""
    digest: str = ""
    """The digest of what was read below it, as it was then."""


@frozen(kw_only=True)
class Execution:
    """The facts of one run of one cell. `classify` judges them."""

    exit_code: Optional[Whole] = None
    signal: Optional[Whole] = None
    killed_for: Optional[str] = None
    """The limit that it exceeded: `timeout`, `memory`, `processes` or `disk`; else None."""
    seconds: float = 0.0
    max_rss_mb: float = 0.0
    output: str = ""
    """stdout and stderr in order; the beginning and the end."""
    errors: str = ""
    """The end of stderr alone; signatures come from it."""
    output_bytes: Whole = 0
    observations: Mapping[str, Json] = field(factory=dict)
    tests: tuple[str, ...] = ()
    """The reports of a suite's driver on its tests, one JSON text
    each; empty after they became `rows`."""
    rows: Mapping[str, Execution] = field(factory=dict)
    """For a suite, its tests by name, each as if it had run alone."""
    mode: str = "fresh"
    """`fresh`: a separate process. `fork`: a child of a process that had imported TensorFlow."""
    mode_reason: str = ""
    """Why it was a separate process: "line 3 sets os.environ before importing TensorFlow"."""
    attempts: Whole = 1
    """The number of executions until one was trusted; for example, a time-out runs twice."""
    agreed: Whole = 0
    """How many of the attempts agree with this one; 0 if attempts were not counted as votes."""
    note: str = ""
    """The result of an earlier attempt, if it differs."""
    notes: tuple[str, ...] = ()
    """Other facts for readers of the log: why it was ended, malformed observations …"""
    trouble: Optional[str] = None
    """Why the cell could not be measured; the other facts are then void. None if it was
    measured."""
    imported: Optional[bool] = None
    """Whether any of its processes had TensorFlow in memory; None if that could not be observed."""
    reads: Optional[Reads] = None
    """None if nothing is known about it."""
    matched: Optional[str] = None
    """The first line of its output that the repro's `fail_on` matches."""
    worker: str = ""
    """The worker that measured it, in a cluster."""
    machine: str = ""
    """The measuring machine's part of the key: `Maker.machine_keys`."""
    git_version: str = ""
    """`tf.version.GIT_VERSION` of the imported TensorFlow; "" if it was not observed."""
    files: Mapping[str, str] = field(factory=dict, repr=False)
    """The files that it left below `Repro.keep`: path → content, packed as `cells.left_files` has
    it."""
    left_out: tuple[str, ...] = ()
    """What else it left, and why that is not kept: `a, which is no plain file`."""
    limit: Optional[float] = None
    """The limit for `killed_for`, in the unit of `Limits`; None if none was exceeded."""
