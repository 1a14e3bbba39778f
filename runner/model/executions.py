"""The facts of one run of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from attrs import field, frozen

from runner.model.values import Json, Whole

UNPREPARED = "the environment could not be prepared: "
"""How the trouble of a cell begins whose environment could not be made."""


@frozen(kw_only=True)
class Reads:
    """What a cell read besides Python, TensorFlow and the system, as far as it could be seen."""

    opened: Optional[tuple[str, ...]] = None
    """Files below the script's folder; None: not all could be seen."""
    listed: Optional[tuple[str, ...]] = None
    """Folders below it, `.` for itself; None: this Python cannot show it."""
    missing: tuple[str, ...] = ()
    """What was looked for below it and was not there."""
    outside: tuple[str, ...] = ()
    """What was opened elsewhere, by its whole path."""
    digest: str = ""
    """Over what was read below it, as it was then."""


@frozen(kw_only=True)
class Execution:
    """Raw facts of one run of one cell. `classify` decides what they mean."""

    exit_code: Optional[Whole] = None
    signal: Optional[Whole] = None
    killed_for: Optional[str] = None
    """`timeout`, `memory`, `processes` or `disk` where the runner ended the cell, else None."""
    seconds: float = 0.0
    max_rss_mb: float = 0.0
    output: str = ""
    """stdout and stderr as they came, head and tail."""
    errors: str = ""
    """The tail of stderr alone: signatures are read from here."""
    output_bytes: Whole = 0
    observations: Mapping[str, Json] = field(factory=dict)
    tests: tuple[str, ...] = ()
    """What a suite's driver told of its tests, a JSON text each; empty once it is in `rows`."""
    rows: Mapping[str, Execution] = field(factory=dict)
    """Of a suite: its tests by name, each as if it had run alone."""
    mode: str = "fresh"
    """`fresh`: a process of its own; `fork`: a child of one that had imported TensorFlow."""
    mode_reason: str = ""
    """Why it was a process of its own: "line 3 sets os.environ before importing TensorFlow"."""
    attempts: Whole = 1
    """Executions until this one was believed: a time-out, for example, is run twice."""
    agreed: Whole = 0
    """Of the attempts, those that found this; 0 where they were not counted as votes."""
    note: str = ""
    """What an earlier attempt found, if it found something else."""
    notes: tuple[str, ...] = ()
    """What a reader of the log should know besides: why it was ended, malformed observations …"""
    trouble: Optional[str] = None
    """Why the cell could not be measured, where it could not; the other facts are then void."""
    imported: Optional[bool] = None
    """Whether any of its processes had TensorFlow in memory; None: it could not be seen."""
    reads: Optional[Reads] = None
    """None: nothing is known of it."""
    matched: Optional[str] = None
    """The first line of its output that the repro's `fail_on` matches."""
    worker: str = ""
    """Of a cluster, the worker that measured it."""
    machine: str = ""
    """What the machine that measured it adds to its key: `Maker.machine_keys`."""
    git_version: str = ""
    """`tf.version.GIT_VERSION` of the TensorFlow that it imported; empty where it was not seen."""
    limit: Optional[float] = None
    """What `killed_for` allows, in the unit of `Limits`; None where nothing was exceeded."""
