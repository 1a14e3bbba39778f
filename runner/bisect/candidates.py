"""The values that `bisect` searches: releases of TensorFlow or of a package, Pythons, an axis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Optional

from attrs import evolve, field, frozen
from packaging.version import InvalidVersion, Version

from runner import paths
from runner.bisect.search_range import SearchRange
from runner.errors import UsageError
from runner.matrix import plan, vary
from runner.matrix.selection import Selection, select
from runner.model import Axis, Cell, Device, Release, Target, release_series
from runner.releases.upstream import packages
from runner.runs.kept import KeptVerdict


@frozen(kw_only=True)
class Candidates:
    """One cell for each release, or each value of an axis, in order; and the named ends."""

    chosen: Selection
    row: SearchRange
    axis: str = ""
    """The axis to search along; empty for TensorFlow's releases."""
    by_series: bool = False
    """Whether only the newest patch of each series is compared."""
    kept: Mapping[str, KeptVerdict] = field(factory=dict)
    """Version → the verdict that stands in for it, because the index no longer has it."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.chosen.cells

    def version(self, at: int) -> str:
        """The version, or the value's name, at a position."""
        return value_of(self.cells[at], self.axis)

    def name(self, at: int) -> str:
        """`2.9.3`, `numpy 1.23.5`."""
        return f"{self.axis} {self.version(at)}".strip()

    def series(self, at: int) -> str:
        """`2.9`, `numpy 1.23`; the name if it is not a version."""
        try:
            series = release_series(Version(self.version(at)))
        except InvalidVersion:
            return self.name(at)
        return f"{self.axis} {series}".strip()

    def whole_series(self) -> Candidates:
        """The newest patch of each series, and the named ends."""
        row, kept = self.row.only_coarse()
        cells = tuple(self.cells[at] for at in kept)
        return evolve(self, chosen=evolve(self.chosen, cells=cells), row=row, by_series=True)

    def without(self, places: Collection[int]) -> Candidates:
        """All others; `places` hold no named end."""
        rest = [at for at in range(len(self.cells)) if at not in places]
        row = self.row.only(rest, _coarse([self.version(at) for at in rest]))
        cells = tuple(self.cells[at] for at in rest)
        return evolve(self, chosen=evolve(self.chosen, cells=cells), row=row)

    def options(self, places: Sequence[int]) -> list[str]:
        """The options of `run` that select these cells again."""
        values = [self.version(at) for at in places]
        if not self.axis:
            return ["--tf", ",".join(values)]
        own = self.chosen.matrix.axes
        known = {value.values.get(self.axis) for each in own for value in each.values}
        given = "" if known.issuperset(values) else f"={','.join(values)}"
        release = self.cells[0].target.release.version
        return ["--tf", release, "--vary", f"{self.axis}{given}"]


def value_of(cell: Cell, axis: str) -> str:
    """The version of the cell's release, or the name of its value on `axis`."""
    return cell.case.variant.values[axis] if axis else cell.target.release.version


def release_candidates(
    good: Optional[Release], bad: Optional[Release], *, case: Sequence[str], **selection: Any
) -> Candidates:
    """TensorFlow's releases from one named end to the other, oldest first.

    Without a named end, they reach to the oldest or the newest. Raises `UsageError`.
    """
    if good is not None and bad is not None:
        _differ(good.version, bad.version)
    chosen = select(tf=_between(good, bad), patches="all", cases=case, **selection)
    cells = one_row(chosen.cells, case)
    versions = [value_of(cell, "") for cell in cells]
    row = SearchRange(
        count=len(cells),
        coarse=_coarse(versions),
        good=None if good is None else _place(versions, good),
        bad=None if bad is None else _place(versions, bad),
    )
    return Candidates(chosen=evolve(chosen, cells=tuple(cells)), row=row)


def _place(versions: Sequence[str], end: Release) -> int:
    if end.version not in versions:
        raise UsageError(f"TensorFlow {end.version} is left out by what the script asks for")
    return versions.index(end.version)


def _between(good: Optional[Release], bad: Optional[Release]) -> Optional[str]:
    """The releases to search, as a SPEC: from the good one on, up to the bad one."""
    if good is not None and bad is not None:
        older, newer = sorted((good, bad), key=lambda release: release.parsed)
        return f">={older.version},<={newer.version}"
    if good is not None:
        return f">={good.version}"
    return None if bad is None else f"<={bad.version}"


def axis_candidates(
    name: str,
    release: Release,
    good: str,
    bad: str,
    *,
    case: Sequence[str],
    say: Callable[[str], None],
    **selection: Any,
) -> Candidates:
    """The values of an axis, on one release. Raises `UsageError`."""
    _differ(good, bad)
    selection.update(tf=release.version, patches="all", cases=())
    own = select(**selection).matrix.axes
    target = plan.target(release, Device(selection["devices"][0]))
    whole = _axis_between(name, target, (good, bad), own, say)
    values = [value.values[name] for value in whole.values]
    chosen = select(**selection, vary=(whole,))
    there = [
        evolve(cell, wanted=tuple(case)) if cell.repro.suite else cell
        for cell in chosen.cells
        if value_of(cell, name) in values
    ]
    cells = one_row([cell for cell in there if _is(cell, name, case)], case, name)
    ends = (0, len(cells) - 1)
    first_good = _same(values[0], good)
    row = SearchRange(
        count=len(cells),
        coarse=_coarse(values),
        good=ends[0] if first_good else ends[1],
        bad=ends[1] if first_good else ends[0],
    )
    return Candidates(chosen=evolve(chosen, cells=tuple(cells)), row=row, axis=name)


def _differ(good: str, bad: str) -> None:
    if good == bad:
        raise UsageError(f"{good} cannot be both --good and --bad")


def one_row(cells: Sequence[Cell], case: Sequence[str], axis: str = "") -> list[Cell]:
    """The cells, if all belong to one case in one variant. A full name selects exactly that case.

    Raises `UsageError` if there are no cells, or several cases.
    """
    kept = [cell for cell in cells if cell.case.without(axis).name in case] or list(cells)
    if not kept:
        raise UsageError(f"no case is named {', '.join(case)}")
    rows = dict.fromkeys((cell.repro.name, cell.case.without(axis).name) for cell in kept)
    if len(rows) > 1:
        names = ", ".join(name for _, name in rows)
        script = kept[0].repro.script
        raise UsageError(f"{script} has {len(rows)} cases; choose one with --case: {names}")
    return kept


def _coarse(versions: Sequence[str]) -> tuple[int, ...]:
    """The positions of the newest in each series (1.23.5 in 1.23); none if these are not
    versions."""
    try:
        series = {release_series(Version(text)): at for at, text in enumerate(versions)}
    except InvalidVersion:
        return ()
    return tuple(series.values())


def _is(cell: Cell, axis: str, globs: Sequence[str]) -> bool:
    if cell.repro.suite is not None:
        return plan.may_hold_tests(cell.case, globs)
    return plan.is_selected(cell.case.without(axis), globs)


def _axis_between(
    name: str,
    target: Target,
    ends: tuple[str, str],
    known: Sequence[Axis],
    say: Callable[[str], None],
) -> Axis:
    """The values from one end to the other, in order.

    An axis of matrix.yaml comes first if it has one of the ends: it may have the name of a package.
    """
    for each in known:
        values = [value.values[each.name] for value in each.values]
        if each.name == name and not set(values).isdisjoint(ends):
            return evolve(each, values=tuple(_cut(each.values, values, ends, name)))
    if name == vary.PYTHON:
        pythons = sorted(target.release.pythons, key=Version)
        return vary.parse_axis(f"{name}={','.join(_cut(pythons, pythons, ends, name))}")
    if vary.is_variable(name):
        raise UsageError(
            f"--axis {name}: the values between two ends are not known",
            remedy="list them in matrix.yaml, in order, as an axis",
        )
    from runner.releases.upstream import index  # slow to import and rarely used

    source = index.configured_index(paths.index(), say)
    there = packages.releases(source.files(name), target.python)
    between = packages.releases_between(name, there, *ends)
    return vary.package(name, [f"{each.version}" for each in between])


def _cut(items: Sequence[Any], names: Sequence[str], ends: tuple[str, str], axis: str) -> list[Any]:
    for end in ends:
        if end not in names:
            raise UsageError(f"{axis} has no {end} here; there are: {', '.join(names)}")
    first, last = sorted(names.index(end) for end in ends)
    return list(items[first : last + 1])


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other
