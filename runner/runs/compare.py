"""Finds what differs between two runs, or between two releases of one run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple, Optional

from attrs import field, frozen

from runner.errors import UsageError
from runner.grid import Column, Grid
from runner.grid.tolerance import differs
from runner.model import Json, Outcome, Result, Run, full_name


class ComparedCell(NamedTuple):
    """The name of a cell in both runs.

    `python` is empty if each run used one Python for the release: such cells are compared even if
    the two Pythons differ.
    """

    repro: str
    case: str
    tensorflow: str
    device: str
    python: str = ""

    def __str__(self) -> str:
        python = f" py{self.python}" if self.python else ""
        return f"{full_name(self.repro, self.case)} on {self.tensorflow} {self.device}{python}"


def kind_of_change(before: Optional[object], after: Optional[object]) -> str:
    """`changed`, `came` or `went`; None is what one of the two lacks."""
    if before is None:
        return "came"
    return "went" if after is None else "changed"


@frozen(kw_only=True)
class OutcomeDifference:
    """One cell on which two runs disagree; the outcome is None for a run that lacks the cell."""

    where: ComparedCell
    before: Optional[Outcome]
    after: Optional[Outcome]

    @property
    def kind(self) -> str:
        """`changed`, `came` or `went`."""
        return kind_of_change(self.before, self.after)


@frozen(kw_only=True)
class ObservedDifference:
    """An observed value that differs, though the cell ended the same way in both runs."""

    where: ComparedCell
    name: str
    before: Json
    after: Json
    kind: str = "changed"
    """`changed`; or `came` or `went` if only one run has the value."""


@frozen(kw_only=True)
class Comparison:
    """The differences between two runs or releases, in measured cells only: an inferred cell is no
    evidence."""

    changes: tuple[OutcomeDifference, ...]
    agreeing: int
    """How many cells have the same outcome and signature in both runs."""
    unjudged: int = 0
    """How many of these are skips or errors: that they agree says nothing about TensorFlow."""
    observed: tuple[ObservedDifference, ...] = ()
    """Values that differ in cells whose outcome and signature agree."""
    inferred: int = 0
    """How many cells are left out because at least one run only inferred them."""
    both: Mapping[ComparedCell, tuple[Result, Result]] = field(factory=dict, repr=False)
    """The cells that both have."""

    @property
    def common(self) -> int:
        """How many cells both runs have."""
        return self.agreeing + sum(change.kind == "changed" for change in self.changes)

    @property
    def only_before(self) -> int:
        """How many cells only the first run has."""
        return sum(change.kind == "went" for change in self.changes)

    @property
    def only_after(self) -> int:
        """How many cells only the second run has."""
        return sum(change.kind == "came" for change in self.changes)

    @property
    def only_one(self) -> int:
        """How many cells only one of the two runs has."""
        return self.only_before + self.only_after


def compare_runs(before: Run, after: Run, tolerance: Optional[float] = None) -> Comparison:
    """Compare verdicts and signatures, then observed values; engines and Pythons may differ."""
    several = _on_several_pythons(before) | _on_several_pythons(after)
    old = {_where(result, several): result for result in before.results}
    new = {_where(result, several): result for result in after.results}
    return _compared(old, new, tolerance)


def compare_releases(
    grid: Grid, before: str, after: str, tolerance: Optional[float] = None
) -> Comparison:
    """Compare two columns of one run: releases, or versions of the package that it runs along.

    The cells are named `2.15.1 → 2.16.2`. Raises `UsageError` if the run has no such column.
    """
    one, other = (_columns(grid, name) for name in (before, after))
    versions = " → ".join(f"{found[0].version}" for found in (one, other))
    old, new = (_of_columns(grid, found, versions) for found in (one, other))
    return _compared(old, new, tolerance)


def _columns(grid: Grid, name: str) -> list[Column]:
    """The columns of a version, on all devices; a series names its only version in the run."""
    found = [column for column in grid.columns if name == column.version]
    of_series = [column for column in grid.columns if column.version.startswith(f"{name}.")]
    versions = dict.fromkeys(column.version for column in found or of_series)
    if len(versions) == 1:
        return found or of_series
    there = ", ".join(versions or dict.fromkeys(column.version for column in grid.columns))
    many = "has several versions of" if versions else "has no release"
    raise UsageError(f"the run {grid.run.info.id} {many} {name}; there are: {there or 'none'}")


def _of_columns(grid: Grid, columns: Sequence[Column], versions: str) -> dict[ComparedCell, Result]:
    pythons = Counter(column.device for column in columns)
    return {
        ComparedCell(
            repro=row.repro,
            case=row.case,
            tensorflow=versions,
            device=column.device,
            python=column.python if pythons[column.device] > 1 else "",
        ): result
        for row in grid.rows
        for column in columns
        if (result := grid.cell(row, column)) is not None
    }


def _compared(
    old: dict[ComparedCell, Result], new: dict[ComparedCell, Result], tolerance: Optional[float]
) -> Comparison:
    inferred = {at for known in (old, new) for at, result in known.items() if result.inferred}
    for at in inferred:
        old.pop(at, None)
        new.pop(at, None)
    changes = tuple(_changes(old, new))
    changed = {change.where for change in changes}
    everywhere = {**old, **new}
    agreeing = [where for where in everywhere if where not in changed]
    return Comparison(
        changes=changes,
        agreeing=len(agreeing),
        unjudged=sum(not old[where].outcome.verdict.judged for where in agreeing),
        observed=tuple(
            difference
            for where in agreeing
            for difference in _observed(where, old[where], new[where], tolerance)
        ),
        inferred=len(inferred),
        both={where: (old[where], new[where]) for where in old if where in new},
    )


def _changes(
    old: Mapping[ComparedCell, Result], new: Mapping[ComparedCell, Result]
) -> Iterator[OutcomeDifference]:
    for where in {**old, **new}:
        before, after = _outcome(old.get(where)), _outcome(new.get(where))
        if before is None or after is None or before.finding != after.finding:
            yield OutcomeDifference(where=where, before=before, after=after)


def _observed(
    where: ComparedCell, old: Result, new: Result, tolerance: Optional[float]
) -> Iterator[ObservedDifference]:
    if not old.outcome.verdict.judged:
        return  # this cell is no evidence, even if it printed values before it ended
    for name in {**old.observations, **new.observations}:
        before, after = old.observations.get(name), new.observations.get(name)
        kind = "changed" if name in old.observations else "came"
        kind = kind if name in new.observations else "went"
        if kind != "changed" or differs(before, after, tolerance):
            yield ObservedDifference(where=where, name=name, before=before, after=after, kind=kind)


def _on_several_pythons(run: Run) -> set[tuple[str, ...]]:
    pythons = {(_where(result, frozenset())[:4], result.python) for result in run.results}
    times = Counter(place for place, _ in pythons)
    return {place for place, number in times.items() if number > 1}


def _where(result: Result, several: Set[tuple[str, ...]]) -> ComparedCell:
    where = ComparedCell(result.repro, result.case, result.tensorflow, result.device)
    return where._replace(python=result.python) if where[:4] in several else where


def _outcome(result: Optional[Result]) -> Optional[Outcome]:
    return None if result is None else result.outcome
