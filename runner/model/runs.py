"""A stored run: its head, its environments, its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from attrs import field, frozen

from runner.model.repros import Repro
from runner.model.results import Result


@frozen(kw_only=True)
class RunInfo:
    """The head of a run: matrix.json's `run`."""

    id: str
    started: str
    finished: Optional[str] = None
    engine: str
    tool_version: str
    command: str
    host: Mapping[str, Any] = field(factory=dict)
    finding: str = ""
    """The finding of `bisect`: a sentence, then an empty line and the evidence as plain text."""
    along: str = ""
    """The axis whose values are the grid's columns; "" if the columns are TensorFlow's releases."""
    reported: str = ""
    """The signature of the failure that an issue reports, if the script came from that issue."""


@frozen(kw_only=True)
class EnvironmentInfo:
    """A report's facts about an environment: matrix.json's `environments`."""

    id: str
    tensorflow: str
    python: str
    device: str
    engine: str
    key: str
    image: Optional[str]
    packages: tuple[str, ...]
    released: str = ""
    notes: tuple[str, ...] = ()
    """How its packages differ from those requested, or from those that TensorFlow requires."""


@frozen(kw_only=True)
class Run:
    """A run as stored in results/: all data for reports."""

    info: RunInfo
    environments: tuple[EnvironmentInfo, ...]
    results: tuple[Result, ...]
    repros: tuple[Repro, ...] = ()
    """The repros as planned, for their order, their cases' descriptions and expectations."""
    controls: tuple[Result, ...] = ()
    """Cells that ran to find whether TensorFlow caused a change between two releases."""
