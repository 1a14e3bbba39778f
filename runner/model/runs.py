"""A run as it is kept: its head, its environments, its results."""

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
    """What `bisect` found: a sentence, and after an empty line the evidence as plain text."""
    along: str = ""
    """The axis whose values are the columns of the grid; TensorFlow's releases are where empty."""
    reported: str = ""
    """The signature of the failure that an issue reports, where its script was run."""


@frozen(kw_only=True)
class EnvironmentInfo:
    """What a report knows of an environment: matrix.json's `environments`."""

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
    """Where its packages are not those that were asked for, or that TensorFlow asks for."""


@frozen(kw_only=True)
class Run:
    """A run as it lies in results/: everything a report is made from."""

    info: RunInfo
    environments: tuple[EnvironmentInfo, ...]
    results: tuple[Result, ...]
    repros: tuple[Repro, ...] = ()
    """The repros as planned, for their order, their cases' descriptions and expectations."""
    controls: tuple[Result, ...] = ()
    """Cells that were run to tell whether a change between two releases is TensorFlow's."""
