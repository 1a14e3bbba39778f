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

OUT = "out"
"""Scripts leave files for readers in this folder of their working directory."""


@frozen(kw_only=True)
class Limits:
    """The limits of one cell."""

    timeout: float = 120.0
    """Seconds of wall clock."""
    memory: Whole = 4096
    """MiB of resident memory of all the cell's processes together."""
    processes: Whole = 512
    """Processes and threads of the cell."""
    output: Whole = 256
    """KiB of output that are kept: half from the beginning, half from the end."""
    scratch: Whole = 1024
    """MiB that the cell may write."""


@frozen(kw_only=True)
class Bound:
    """A requirement that limits where a script can run, and its source."""

    requirement: str
    """For TensorFlow a requirement with its marker; for Python a specifier set."""
    source: str
    """`my.py`, `requirements.txt`."""


@frozen(kw_only=True)
class Suite:
    """Tests that pytest runs. Each file of them is a case, each test in it a row."""

    folder: Path
    """The project's folder; cells run in a copy of it."""
    paths: tuple[str, ...] = ()
    """Files, folders and tests as pytest takes them; () means what the project's settings say."""
    options: tuple[str, ...] = ()
    """Options of pytest: `-k`, `layers`."""


@frozen(kw_only=True)
class Repro:
    """An unmodified Python script and how to run it; or a test suite with its driver."""

    name: str
    script: Path
    about: str = ""
    cases: tuple[Case, ...] = (Case(name="default"),)
    limits: Limits = Limits()
    files: tuple[Path, ...] = ()
    """The files beside the script that it needs, besides the local modules that it imports."""
    env: Mapping[str, str] = field(factory=dict)
    requirements: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Specifier of TensorFlow releases → packages added to their environments."""
    needs_tensorflow: bool = True
    """Whether its outcome counts only if it imported TensorFlow."""
    exclusions: tuple[Exclusion, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    suite: Optional[Suite] = None
    digest: str = ""
    """The digest of the script and its files, as a run took them; "" if it is not recorded."""
    script_digest: str = ""
    """Two runs with the same one ran the same script: the digest of it and of the files that its
    text names; of its whole folder if it may read others, as a suite does."""
    fail_on: str = ""
    """A text, or `/regex/`. A pass that prints it becomes a fail."""
    folder: Optional[Path] = None
    """The folder of the original, if this tool made the script's text and stored it elsewhere."""
    resolution: Resolution = USUAL_RESOLUTION
    tensorflow: tuple[Bound, ...] = ()
    """It is meant only for releases that all of these allow."""
    python: tuple[Bound, ...] = ()
    """It is meant only for Pythons that all of these allow."""
    notes: tuple[str, ...] = ()
    """Facts for readers about how it is run, such as a pin that was ignored."""
    data: Optional[Path] = None
    """A folder that its cells may read as `~/data`, or as `~/.keras` if that is its name."""
    network: bool = False
    """Whether its cells may use the network."""
    keep: str = OUT
    """The folder of its working directory whose new files are kept; `.` is all of it."""
    saved_by: str = ""
    """The repro that saves what this one loads; its cases then name the releases that saved."""

    @property
    def home(self) -> Path:
        """The folder that is copied for each cell."""
        return self.folder or self.script.parent
