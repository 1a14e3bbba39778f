"""A script or a suite of tests, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from attrs import field, frozen

from runner.model.cases import Case
from runner.model.environments import USUAL_RESOLUTION, Resolution
from runner.model.rules import Exclusion, Expectation
from runner.model.values import Whole


@frozen(kw_only=True)
class Limits:
    """Bounds on one cell."""

    timeout: float = 120.0
    """Seconds of wall clock."""
    memory: Whole = 4096
    """MiB of resident memory, all processes of the cell together."""
    processes: Whole = 512
    """Processes and threads of the cell."""
    output: Whole = 256
    """KiB of output kept: half from the head, half from the tail."""
    scratch: Whole = 1024
    """MiB that the cell may write."""


@frozen(kw_only=True)
class Bound:
    """A requirement that says where a script can run, and what states it."""

    requirement: str
    """On TensorFlow, a requirement with its marker; on Python, a specifier set."""
    source: str
    """`my.py`, `requirements.txt`."""


@frozen(kw_only=True)
class Suite:
    """Tests that pytest runs. Each file of them is a case, each test in it a row."""

    folder: Path
    """The project's: what cells get a copy of, and where they run."""
    paths: tuple[str, ...] = ()
    """Files, folders and tests as pytest takes them; () for what the project's settings say."""
    options: tuple[str, ...] = ()
    """Of pytest: `-k`, `layers`."""


@frozen(kw_only=True)
class Repro:
    """A Python script, unmodified, and how it is run; or a suite of tests, with its driver."""

    name: str
    script: Path
    about: str = ""
    cases: tuple[Case, ...] = (Case(name="default"),)
    limits: Limits = Limits()
    files: tuple[Path, ...] = ()
    """Files beside the script that it needs, besides the local modules it imports."""
    env: Mapping[str, str] = field(factory=dict)
    requirements: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Specifier of TensorFlow releases → packages added to their environments."""
    needs_tensorflow: bool = True
    """Whether its outcome counts only where TensorFlow was imported."""
    exclusions: tuple[Exclusion, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    suite: Optional[Suite] = None
    digest: str = ""
    """Of the script and the files it needs, as a run took them; empty where none is recorded."""
    fail_on: str = ""
    """A text, or `/regex/`: a pass that prints it is a fail."""
    folder: Optional[Path] = None
    """What lies beside the script, where its text was made of something else and lies elsewhere."""
    resolution: Resolution = USUAL_RESOLUTION
    tensorflow: tuple[Bound, ...] = ()
    """It is for the releases that all of these allow."""
    python: tuple[Bound, ...] = ()
    """It is for the Pythons that all of these allow."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how it is run: a pin that is set aside."""
    data: Optional[Path] = None
    """A folder that its cells may read: `~/data`, or `~/.keras` where that is its name."""
    network: bool = False
    """Whether its cells may use the network."""

    @property
    def home(self) -> Path:
        """The folder that the script runs in a copy of."""
        return self.folder or self.script.parent
