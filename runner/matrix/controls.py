"""Plans controls: cells that show whether TensorFlow caused a change between two releases. Pure.

Neighbouring releases may differ in their Python, or in a package that an axis varies. If a case
changes between them, one of them runs with the other's version. If its outcome changes back,
TensorFlow did not cause the change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve, frozen
from packaging.version import Version

from runner.matrix import plan, variants
from runner.matrix.vary import PYTHON
from runner.model import Cell, Repro, Result, Variant, package_name

MOST = 5
"""At most this many pairs of outcomes of a repro are examined between two releases."""

Versions = Mapping[str, str]
"""Package → its version in an environment."""


@frozen(kw_only=True)
class Change:
    """A case that ends differently on a release than on the nearest older
    judged one. one without a variant is preferred."""

    before: Result
    after: Result


def changes(results: Iterable[Result]) -> list[Change]:
    """Where measured cases change; of many that change alike between two releases, the first: one
    in the usual way, where there is one."""
    rows: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for each in sorted(results, key=lambda each: (each.variant, each.case)):
        if each.outcome.verdict.judged and not each.inferred:
            rows[each.repro, each.case, each.device].append(each)
    kinds: dict[tuple[object, ...], Change] = {}
    often: dict[tuple[object, ...], int] = defaultdict(int)
    for (repro, _, device), row in rows.items():
        ordered = sorted(row, key=lambda each: Version(each.tensorflow))
        for before, after in zip(ordered, ordered[1:]):
            place = (repro, device, before.tensorflow, after.tensorflow)
            kind = (*place, before.outcome.finding, after.outcome.finding)
            if before.outcome.finding != after.outcome.finding and kind not in kinds:
                often[place] += 1
                if often[place] <= MOST:
                    kinds[kind] = Change(before=before, after=after)
    return list(kinds.values())


def controls(
    before: Cell, after: Cell, versions: tuple[Versions, Versions]
) -> list[tuple[Cell, Cell]]:
    """For each difference, the newer cell with the older's version, and the reverse.

    `versions` are the packages of their environments. What the case's own variant sets stays.
    """
    return [
        (_with(after, old), _with(before, new))
        for old, new in _differences(before, after, versions)
    ]


def _differences(
    before: Cell, after: Cell, versions: tuple[Versions, Versions]
) -> Iterator[tuple[Variant, Variant]]:
    own = before.case.variant
    pythons = before.target.python, after.target.python
    if own.python is None and pythons[0] != pythons[1]:
        old, new = (variants.axis_value(PYTHON, each, python=each) for each in pythons)
        yield old, new
    set_by_itself = {package_name(each) for each in own.requirements}
    for name in sorted(_varied(before.repro) - set_by_itself):
        here, there = (each.get(name) for each in versions)
        if here and there and here != there:
            yield _pinned(name, here), _pinned(name, there)


def _varied(repro: Repro) -> set[str]:
    """The packages that some variant of the repro's cases sets."""
    asked = (requirement for case in repro.cases for requirement in case.variant.requirements)
    return {package_name(requirement) for requirement in asked}


def _pinned(package: str, version: str) -> Variant:
    return variants.axis_value(package, version, requirements=(f"{package}=={version}",))


def _with(cell: Cell, variant: Variant) -> Cell:
    """The cell without expectations: matrix.yaml states them for the usual environments."""
    case = variants.in_variant(cell.case, variants.combine((cell.case.variant, variant)))
    release, device = cell.target.release, cell.target.device
    made = plan.planned_cell(cell.repro, case, release, device, cell.wanted)
    return evolve(made, expected=None)
