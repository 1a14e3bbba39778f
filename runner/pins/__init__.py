"""A run → the releases that one may pin, and what keeps one from the next. Pure.

A release qualifies when every cell that is asked for was measured there and passed. A skip, an
error, a missing or an inferred cell never supports a pin.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from attrs import evolve, frozen
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runner.errors import UsageError
from runner.grid import Column, Grid, Row
from runner.model import Result, Verdict
from runner.pins import requirement
from runner.pins.requirement import TENSORFLOW, PinRequirement, admits

NEAREST = 5
"""Names that are offered in the place of one that no case has."""


@frozen(kw_only=True)
class Obstacle:
    """A cell that does not support a pin; `verdict` is None where there is no result."""

    row: Row
    tensorflow: str
    device: str
    python: str
    verdict: Optional[Verdict]
    why: str = ""
    """The signature, else the reason."""
    inferred: bool = False
    votes: str = ""
    """`3/5` where that many attempts passed and the others did not."""
    value: str = ""
    """The release of the package whose releases are the columns, where TensorFlow's are not."""

    @property
    def release(self) -> str:
        return self.value or self.tensorflow

    @property
    def measured(self) -> bool:
        """Whether it is evidence against the release, rather than a lack of evidence for it."""
        return self.verdict is not None and self.verdict.judged and not self.inferred

    @property
    def cause(self) -> str:
        """The same for the same cause: `fail: ValueError: …`, `not measured`."""
        if self.inferred:
            return f"{self.verdict}, inferred and not measured"
        said = "not measured" if self.verdict is None else str(self.verdict)
        if self.votes:
            said = "flaky, {} in {} of {} attempts".format(said, *self.votes.split("/"))
        return f"{said}: {self.why}" if self.why and self.why != said else said


@frozen(kw_only=True)
class Standing:
    """One release of the run, on the devices and Pythons asked for."""

    columns: tuple[Column, ...]
    obstacles: tuple[Obstacle, ...]
    measured: bool = True
    """Whether anything that is asked for was measured there, and not inferred or left out."""

    @property
    def release(self) -> str:
        return self.columns[0].version

    @property
    def version(self) -> Version:
        return Version(self.release)

    @property
    def qualifies(self) -> bool:
        return not self.obstacles


@frozen(kw_only=True)
class Pin:
    """The answer. `standings` are the releases of the run, oldest first."""

    required: tuple[Row, ...]
    standings: tuple[Standing, ...]
    requirement: Optional[PinRequirement]
    strict: bool = False
    package: str = TENSORFLOW
    """Whose releases these are."""

    @property
    def measured(self) -> dict[Version, bool]:
        """Each release that was measured → whether it qualifies."""
        return {one.version: one.qualifies for one in self.standings if one.measured}

    @property
    def qualifying(self) -> tuple[Standing, ...]:
        return tuple(standing for standing in self.standings if standing.qualifies)

    @property
    def newest(self) -> Optional[Standing]:
        return self.qualifying[-1] if self.qualifying else None

    @property
    def closest(self) -> Standing:
        """With the fewest obstacles; of equals the newest."""
        return min(reversed(self.standings), key=lambda standing: len(standing.obstacles))

    @property
    def blocking(self) -> tuple[Obstacle, ...]:
        """Per case and place the first obstacle beyond the newest that qualifies, oldest first."""
        newer = [s for s in self.standings if self.newest and s.version > self.newest.version]
        first: dict[tuple[Row, str], Obstacle] = {}
        for standing in newer:
            for obstacle in standing.obstacles:
                first.setdefault((obstacle.row, obstacle.device), obstacle)
        return tuple(sorted(first.values(), key=lambda o: (Version(o.release), o.row.index)))


def find_pin(
    grid: Grid,
    known: Iterable[str],
    *,
    require: Sequence[str] = (),
    devices: Sequence[str] = (),
    pythons: Sequence[str] = (),
    strict: bool = False,
    flaky: bool = False,
) -> Pin:
    """`known` are all releases of TensorFlow that there are; along another package none are known
    but those of the run. Raises `UsageError` for what the run has not.

    `flaky`: a cell that passed in most of its attempts, but not in all, counts as passed.
    """
    rows = required(grid, require)
    columns = _columns(grid, devices, pythons)
    standings = _standings(grid, rows, columns, devices or list(grid.lanes), flaky)
    package = grid.run.info.along or TENSORFLOW
    pin = Pin(required=rows, standings=standings, requirement=None, strict=strict, package=package)
    found = requirement.narrowest(pin.measured, map(Version, known), strict=strict, package=package)
    return evolve(pin, requirement=found)


def required(grid: Grid, globs: Sequence[str]) -> tuple[Row, ...]:
    """The rows that `globs` name, by case or by `repro/case`; each must name one. None: all.

    Variants are named by an `@` in the glob. Else they count only where a case has no usual way.
    """
    usual = {row.case for row in grid.rows}
    plain = [row for row in grid.rows if _base(row) == row.case or _base(row) not in usual]
    chosen = set()
    if not globs:
        plain = [row for row in plain if not _says_nothing(grid, row)]
    for glob in globs or ["*"]:
        rows = grid.rows if "@" in glob else plain
        named = {row.index for row in rows if _named(row, glob)}
        if not named:
            raise UsageError(f"no case of the run is named {glob!r}; {_nearest(glob, grid.rows)}")
        chosen |= named
    return tuple(row for row in grid.rows if row.index in chosen)


def _says_nothing(grid: Grid, row: Row) -> bool:
    """Whether it is a test that is skipped wherever it is: for want of a GPU, say."""
    suite = any(repro.name == row.repro and repro.suite for repro in grid.run.repros)
    marks = [mark for mark in grid.marks[row.index] if mark.verdict is not None]
    return suite and bool(marks) and all(mark.verdict is Verdict.SKIP for mark in marks)


def grouped(obstacles: Iterable[Obstacle]) -> dict[tuple[str, str], list[Obstacle]]:
    """(release, what happened) → where: what shares a cause is told once."""
    groups: dict[tuple[str, str], list[Obstacle]] = defaultdict(list)
    for obstacle in obstacles:
        groups[obstacle.release, obstacle.cause].append(obstacle)
    return groups


@frozen(kw_only=True)
class RequirementCheck:
    """Whether a specifier admits nothing but what qualifies."""

    admitted: tuple[Standing, ...]
    unmeasured: tuple[Version, ...]
    """Known releases that it admits and that the run did not measure."""
    unvouched: tuple[Version, ...] = ()
    """Those of them for which no newer patch of their series speaks: nobody knows of them."""

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        return tuple(obstacle for standing in self.admitted for obstacle in standing.obstacles)

    @property
    def holds(self) -> bool:
        return bool(self.admitted) and not self.obstacles and not self.unvouched


def check(pin: Pin, specifier: SpecifierSet, known: Iterable[str]) -> RequirementCheck:
    """Whether `specifier` holds; with `pin.strict` no newer patch vouches for an older one."""
    there = {standing.version for standing in pin.standings if standing.obstacles}
    there |= pin.measured.keys()
    unmeasured = [v for v in map(Version, known) if v not in there and admits(specifier, v)]
    return RequirementCheck(
        admitted=tuple(s for s in pin.standings if admits(specifier, s.version)),
        unmeasured=tuple(unmeasured),
        unvouched=tuple(
            v for v in unmeasured if pin.strict or not requirement.vouched(v, pin.measured)
        ),
    )


def _nearest(glob: str, rows: Sequence[Row]) -> str:
    """The names that look most like `glob`: all of them would hide the one that was meant."""
    names = list(dict.fromkeys(row.case for row in rows))
    if len(names) <= NEAREST:
        return f"there are: {', '.join(names) or 'none'}"
    nearest = difflib.get_close_matches(glob, names, NEAREST, 0.0)
    return f"the nearest {NEAREST} of {len(names)} are: {', '.join(nearest)}"


def _base(row: Row) -> str:
    return row.case.partition("@")[0]


def _named(row: Row, glob: str) -> bool:
    names = (row.case, f"{row.repro}/{row.case}")
    return any(fnmatch.fnmatchcase(name, glob) for name in names)


def _columns(grid: Grid, devices: Sequence[str], pythons: Sequence[str]) -> list[Column]:
    for what, asked, there in (
        ("device", devices, sorted({column.device for column in grid.columns})),
        ("Python", pythons, sorted({column.python for column in grid.columns})),
    ):
        unknown = [each for each in asked if each not in there]
        if unknown:
            raise UsageError(
                f"the run has no {what} {', '.join(unknown)}; it has: {', '.join(there) or 'none'}"
            )
    columns = [
        column
        for column in grid.columns
        if column.device in (devices or [column.device])
        and column.python in (pythons or [column.python])
    ]
    if not columns:
        raise UsageError("the run has no release to choose from")
    finals = [column for column in columns if not Version(column.version).is_prerelease]
    return finals or columns  # nobody pins a nightly that has a release beside it


def _standings(
    grid: Grid,
    rows: Sequence[Row],
    columns: Iterable[Column],
    devices: Sequence[str],
    flaky: bool,
) -> tuple[Standing, ...]:
    releases: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        releases[column.version].append(column)
    return tuple(
        Standing(
            columns=tuple(there),
            obstacles=tuple(_obstacles(grid, rows, there, devices, flaky)),
            measured=_measured(grid, rows, there),
        )
        for there in releases.values()
    )


def _measured(grid: Grid, rows: Sequence[Row], columns: Sequence[Column]) -> bool:
    cells = (grid.cell(row, column) for row in rows for column in columns)
    return any(cell is not None and not cell.inferred for cell in cells)


def _obstacles(
    grid: Grid,
    rows: Sequence[Row],
    columns: Sequence[Column],
    devices: Sequence[str],
    flaky: bool,
) -> Iterator[Obstacle]:
    for row in rows:
        for column in columns:
            cell = grid.cell(row, column)
            if cell is None or not _supports(cell, flaky):
                yield _obstacle(row, column, cell)
        for device in sorted(set(devices) - {column.device for column in columns}):
            yield Obstacle(
                row=row,
                tensorflow=columns[0].tensorflow,
                value=columns[0].value,
                device=device,
                python="",
                verdict=None,
            )


def _supports(cell: Result, flaky: bool) -> bool:
    """Whether a pin may rest on it: it was measured and passed, each time unless `flaky`."""
    passed = cell.outcome.verdict is Verdict.PASS and not cell.inferred
    return passed and (flaky or not cell.votes)


def _obstacle(row: Row, column: Column, cell: Optional[Result]) -> Obstacle:
    return Obstacle(
        row=row,
        tensorflow=column.tensorflow,
        value=column.value,
        device=column.device,
        python=column.python,
        verdict=None if cell is None else cell.outcome.verdict,
        why="" if cell is None else cell.outcome.signature or cell.outcome.reason,
        inferred=cell is not None and bool(cell.inferred),
        votes="" if cell is None else cell.votes,
    )
