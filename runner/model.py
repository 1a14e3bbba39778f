"""The records that travel through tfmatrix, in the order in which they come to be.

Release → Target → Cell (planned) → Environment (locked) → Execution (facts) → Outcome (judgement)
→ Result (both, of one cell). All frozen: each step takes one record and returns the next.
Nothing here reads, writes or imports anything of the project.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union

from attrs import evolve, field, frozen
from msgspec import Meta
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]
else:
    Json = Any  # what reads records by their types cannot read a type that names itself

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that every reader of JSON takes."""


class Device(str, enum.Enum):
    """What TensorFlow computes on."""

    CPU = "cpu"
    CUDA = "cuda"

    def __str__(self) -> str:
        return self.value


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


_LONGEST_OWN = 40
"""Characters of a user's packages in the name of an environment."""


def package_name(requirement: str) -> str:
    """`tf-keras` of `tf_keras>=2.16`: as PEP 503 compares names."""
    name = re.match(r"\s*([A-Za-z0-9._-]*)", requirement)
    return canonicalize_name(name[1] if name else "")


def pinned_version(package: str) -> tuple[str, str]:
    """Name and version, without extras or a marker: (tensorflow, 2.14.1) of
    `tensorflow[and-cuda]==2.14.1 ; …`."""
    name, _, version = package.partition("==")
    return name.partition("[")[0].strip(), version.partition(";")[0].strip()


@functools.lru_cache(maxsize=4096)
def parsed_version(version: str) -> Version:
    return Version(version)


def release_series(version: Version) -> str:
    """`2.9` of 2.9.3."""
    return f"{version.major}.{version.minor}"


@frozen(kw_only=True)
class Quirk:
    """Something about a release that environments must work around, and why."""

    what: str
    remedy: str


@frozen(kw_only=True)
class Cuda:
    """How a release's CUDA environment is made.

    `base` is the image it starts from, None for the plain Python image; `requirement` is what is
    installed over it. `unavailable` says why no sound CUDA image exists, where none does.
    """

    cuda: str
    cudnn: str
    requirement: str
    base: Optional[str] = None
    python: Optional[str] = None
    unavailable: Optional[str] = None
    capabilities: tuple[str, ...] = ()
    """Compute capabilities that the build was compiled for; () where that is not recorded."""
    wheel_mb: Optional[Whole] = None


@frozen(kw_only=True, cache_hash=True)
class Release:
    """One TensorFlow release and its facts, from docker/releases.yaml."""

    version: str
    released: date
    pythons: tuple[str, ...]
    """Pythons with a wheel for Linux on x86-64, the preferred one first: ("3.10", "3.9", …)."""
    cpu_requirement: str
    """What to install for the CPU: `tensorflow-cpu==2.9.3`."""
    extras: tuple[str, ...] = ()
    """Requirements that belong to the release itself, such as the matching tf_keras."""
    constraints: tuple[str, ...] = ()
    """Caps on dependencies that the era's own metadata forgot."""
    cutoff_days: Whole = 30
    """Packages are resolved as they were this many days after the release."""
    newer: tuple[tuple[str, date], ...] = ()
    """Packages resolved as of a later date than the others."""
    keras: str = ""
    """What tf.keras is: `inside` TensorFlow, or the version of the separate package."""
    image: Optional[str] = None
    """The official CPU image, where there is one."""
    wheel_mb: Optional[Whole] = None
    """Size of the TensorFlow wheel for the CPU, 10^6 bytes."""
    cuda: Optional[Cuda] = None
    quirks: tuple[Quirk, ...] = ()
    yanked: Optional[str] = None

    @property
    def parsed(self) -> Version:
        return parsed_version(self.version)

    @property
    def series(self) -> str:
        return release_series(self.parsed)

    @property
    def as_of(self) -> date:
        """The day as of which its packages are resolved."""
        return self.released + timedelta(days=self.cutoff_days)


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
class Variant:
    """One way to run a case: one value of each axis of the matrix."""

    name: str = ""
    """`keras=legacy,numpy=1.23.5`: the values that change something; empty for the usual way."""
    values: Mapping[str, str] = field(factory=dict)
    """Axis → value, those that change nothing too."""
    tf: tuple[str, ...] = ()
    """PEP 440 specifier sets: the variant exists only for releases that match all of these."""
    python: Optional[str] = None
    """Replaces the release's preferred Python."""
    env: Mapping[str, str] = field(factory=dict)
    requirements: tuple[str, ...] = ()
    """Replace the release's requirements on the same packages."""
    later: str = ""
    """The day as of which packages are resolved where the release's own is earlier, ISO 8601."""

    def without(self, axis: str) -> Variant:
        """By its name and values: what the axis set is still set."""
        parts = [part for part in self.name.split(",") if part.partition("=")[0] != axis]
        values = {name: value for name, value in self.values.items() if name != axis}
        return evolve(self, name=",".join(parts), values=values)


USUAL = Variant()


@frozen(kw_only=True)
class Axis:
    """Something that a matrix varies besides releases and devices."""

    name: str
    values: tuple[Variant, ...]
    """Of this axis alone, in the order of the report."""


@frozen(kw_only=True)
class Case:
    """One list of arguments for a repro, in one variant."""

    name: str
    """With its variant: `layers-both`, `layers-both@keras=legacy`."""
    args: tuple[str, ...] = ()
    about: str = ""
    variant: Variant = USUAL

    @property
    def base_name(self) -> str:
        """The name that all its variants share."""
        return self.name.removesuffix(f"@{self.variant.name}") if self.variant.name else self.name

    def without(self, axis: str) -> Case:
        """The case that all values of an axis share: `layers-both` of `layers-both@keras=3.4.1`."""
        variant = self.variant.without(axis)
        name = "@".join(filter(None, (self.base_name, variant.name)))
        return evolve(self, name=name, variant=variant)


@frozen(kw_only=True)
class Rule:
    """Which cells an exclusion or expectation speaks of. Empty or None means all."""

    tf: str = ""
    """A PEP 440 specifier set."""
    cases: tuple[str, ...] = ()
    """Globs on case names."""
    device: Optional[Device] = None
    axes: Mapping[str, str] = field(factory=dict)
    """Axis → value."""


@frozen(kw_only=True)
class Exclusion:
    rule: Rule
    reason: str


@frozen(kw_only=True)
class Expectation:
    rule: Rule
    verdict: Verdict
    source: str
    """What says so: a link, or a line of an article."""
    signature: Optional[str] = None
    """A part of the signature that must be found in it."""


@frozen(kw_only=True)
class Bound:
    """A requirement that says where a script can run, and what states it."""

    requirement: str
    """On TensorFlow, a requirement with its marker; on Python, a specifier set."""
    source: str
    """`my.py`, `requirements.txt`."""


@frozen(kw_only=True, cache_hash=True)
class Resolution:
    """How the packages of a user are resolved, where it is not the usual way."""

    constraints: tuple[str, ...] = ()
    """Hold for packages that something asks for; add none."""
    forced: tuple[str, ...] = ()
    """Installed whatever TensorFlow and the other packages ask for."""
    relax: bool = False
    """Take the nearest version where one that is asked for exactly cannot be had."""
    as_of: str = ""
    """The day as of which all packages are resolved, ISO 8601; "" is the release's own."""
    later: str = ""
    """That day where the release's own is earlier; unlike with `as_of` the release's caps hold."""


USUAL_RESOLUTION = Resolution()


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


@frozen(kw_only=True)
class Matrix:
    """matrix.yaml, checked."""

    source: Path
    tf: str
    patches: str = "latest"
    devices: tuple[Device, ...] = (Device.CPU,)
    repros: tuple[Repro, ...] = ()
    images: Mapping[str, str] = field(factory=dict)
    """Python version → base image, with a digest where the user has one."""
    axes: tuple[Axis, ...] = ()
    """All axes; each case lists only the variants that it is run in."""


@frozen(kw_only=True, cache_hash=True)
class Target:
    """A release on a device with one Python, before its packages are locked."""

    release: Release
    device: Device
    python: str
    requirements: tuple[str, ...] = ()
    """The user's own packages, beyond the release's or in their place."""
    resolution: Resolution = USUAL_RESOLUTION

    @property
    def usual(self) -> bool:
        """Whether its packages are those of the release alone, as the catalogue has them."""
        return not self.requirements and self.resolution == USUAL_RESOLUTION

    @property
    def label(self) -> str:
        """A readable name: `2.9.3-py3.10-cpu`, `2.9.3-py3.10-cpu-numpy-1.23.5`."""
        plain = f"{self.release.version}-py{self.python}-{self.device}"
        asked, day = self.resolution.forced, self.resolution.as_of
        words = (*asked, *self.requirements, *((f"as-of-{day}",) if day else ()))
        own = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words))
        return "-".join(filter(None, (plain, own[:_LONGEST_OWN].strip("-."))))


@frozen(kw_only=True)
class Cell:
    """One case of one repro on one target. `skip` is the reason where a rule excludes it, `lacks`
    where no environment of the target can run it."""

    repro: Repro
    case: Case
    target: Target
    skip: Optional[str] = None
    lacks: Optional[str] = None
    expected: Optional[Expectation] = None
    wanted: tuple[str, ...] = ()
    """Of a suite's file, globs on the tests that are wanted of it; () for all."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that it gets."""
        return {**self.repro.env, **self.case.variant.env}


def pinned_packages(lock: str) -> tuple[str, ...]:
    """`name==version` of all that a lock names, sorted."""
    named = (line for line in lock.splitlines() if "==" in line)
    lines = (line.split(";")[0].strip(" \\") for line in named)
    return tuple(sorted(line for line in lines if "==" in line and line[0] not in "#-"))


@frozen(kw_only=True)
class Environment:
    """A target with its locked packages. Two environments are the same when their keys are."""

    target: Target
    requirements: str
    """The lock: requirements.txt text with hashes."""
    key: str
    """Hex digest over everything that can change what a script sees in it."""
    dockerfile: str = ""

    @property
    def id(self) -> str:
        """A readable name, unique within a run: `2.9.3-py3.10-cpu`."""
        label = self.target.label
        return label if self.target.usual else f"{label}-{self.key[:8]}"

    @property
    def packages(self) -> tuple[str, ...]:
        """`name==version` of all that is installed, sorted."""
        return pinned_packages(self.requirements)


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
    git_version: str = ""
    """`tf.version.GIT_VERSION` of the TensorFlow that it imported; empty where it was not seen."""
    limit: Optional[float] = None
    """What `killed_for` allows, in the unit of `Limits`; None where nothing was exceeded."""


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
