"""What `bisect` walks along: releases of TensorFlow or a package, Pythons, a matrix.yaml axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen
from packaging.version import InvalidVersion, Version

from runner import paths
from runner.errors import UsageError
from runner.matrix import plan, vary
from runner.matrix.selection import Selection, select
from runner.model import Axis, Cell, Device, Release, Target
from runner.releases.upstream import packages


@frozen(kw_only=True)
class Way:
    """One cell for every place, in order; the ends are what the user named."""

    chosen: Selection
    coarse: tuple[int, ...]
    """Places to look at before all others."""
    regression: bool
    """Whether the last one is the bad end."""
    axis: str = ""
    """What is walked along; empty for TensorFlow's releases."""

    @property
    def own(self) -> tuple[Axis, ...]:
        """The axes of matrix.yaml."""
        return self.chosen.matrix.axes


def place(cell: Cell, axis: str) -> str:
    """Where on the way a cell is: a version, or the name of a value."""
    return cell.case.variant.values[axis] if axis else cell.target.release.version


def words(cells: Sequence[Cell], axis: str, own: Sequence[Axis] = ()) -> list[str]:
    """The options that choose these cells again; `own` are the axes of matrix.yaml."""
    if not axis:
        return ["--tf", ",".join(place(cell, axis) for cell in cells)]
    values = [place(cell, axis) for cell in cells]
    known = {value.values.get(axis) for each in own for value in each.values}
    given = "" if known.issuperset(values) else f"={','.join(values)}"
    return ["--tf", cells[0].target.release.version, "--vary", f"{axis}{given}"]


def releases(good: Release, bad: Release, *, case: Sequence[str], **selection: Any) -> Way:
    """Along TensorFlow's releases, oldest first. Raises `UsageError`."""
    _differ(good.version, bad.version)
    older, newer = sorted((good, bad), key=lambda release: release.parsed)
    spec = f">={older.version},<={newer.version}"
    chosen = select(tf=spec, patches="all", cases=case, **selection)
    cells = one_row(chosen.cells, case)
    return Way(
        chosen=evolve(chosen, cells=tuple(cells)),
        coarse=_coarse([place(cell, "") for cell in cells]),
        regression=good is older,
    )


def axis(
    name: str,
    release: Release,
    good: str,
    bad: str,
    *,
    case: Sequence[str],
    say: Callable[[str], None],
    **selection: Any,
) -> Way:
    """Along an axis, on one release. Raises `UsageError`."""
    _differ(good, bad)
    selection.update(tf=release.version, patches="all", cases=())
    own = select(**selection).matrix.axes
    target = plan.target(release, Device(selection["devices"][0]))
    whole = _axis(name, target, (good, bad), own, say)
    values = [value.values[name] for value in whole.values]
    chosen = select(**selection, vary=(whole,))
    there = [cell for cell in chosen.cells if place(cell, name) in values]
    cells = one_row([cell for cell in there if _is(cell, name, case)], case, name)
    return Way(
        chosen=evolve(chosen, cells=tuple(cells)),
        coarse=_coarse(values),
        regression=_same(values[0], good),
        axis=name,
    )


def _differ(good: str, bad: str) -> None:
    if good == bad:
        raise UsageError(f"{good} cannot be both --good and --bad")


def one_row(cells: Sequence[Cell], case: Sequence[str], axis: str = "") -> list[Cell]:
    """The cells, which must be of one case in one variant; a name that fits one exactly means it.

    Raises `UsageError` where there are none, or several rows.
    """
    kept = [cell for cell in cells if _without(cell, axis) in case] or list(cells)
    if not kept:
        raise UsageError(f"no case is named {', '.join(case)}")
    rows = dict.fromkeys((cell.repro.name, _without(cell, axis)) for cell in kept)
    if len(rows) > 1:
        names = ", ".join(name for _, name in rows)
        script = kept[0].repro.script
        raise UsageError(f"{script} has {len(rows)} cases; choose one with --case: {names}")
    return kept


def _coarse(versions: Sequence[str]) -> tuple[int, ...]:
    """Where the newest of each series is (1.23 of 1.23.5); nowhere where they are no versions."""
    try:
        series = {Version(text).release[:2]: at for at, text in enumerate(versions)}
    except InvalidVersion:
        return ()
    return tuple(series.values())


def _is(cell: Cell, axis: str, globs: Sequence[str]) -> bool:
    return plan.chosen(evolve(cell.case, name=_without(cell, axis)), globs)


def _without(cell: Cell, axis: str) -> str:
    """A case's name without the axis that is walked along."""
    variant = cell.case.variant
    parts = [part for part in variant.name.split(",") if part.partition("=")[0] != axis]
    return "@".join(filter(None, (cell.case.base, ",".join(parts))))


def _axis(
    name: str,
    target: Target,
    ends: tuple[str, str],
    known: Sequence[Axis],
    say: Callable[[str], None],
) -> Axis:
    """From one end to the other, in order.

    An axis of matrix.yaml is meant where it has one of the ends: it may be named after a package.
    """
    for each in known:
        values = [value.values[each.name] for value in each.values]
        if each.name == name and not set(values).isdisjoint(ends):
            return evolve(each, values=tuple(_cut(each.values, values, ends, name)))
    if name == vary.PYTHON:
        pythons = sorted(target.release.pythons, key=Version)
        return vary.axis(f"{name}={','.join(_cut(pythons, pythons, ends, name))}")
    if vary.is_variable(name):
        raise UsageError(
            f"--axis {name}: there is no telling which values lie between two",
            remedy="name them in matrix.yaml, in order, as an axis",
        )
    from runner.releases.upstream import index  # slow to import, seldom wanted

    source = index.configured(paths.cache() / "index", say)
    there = packages.releases(source.files(name), target.python)
    between = packages.between(name, there, *ends)
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
