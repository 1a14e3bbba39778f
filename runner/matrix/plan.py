"""Matrix × releases → cells, with the matrix's rules applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Optional

from attrs import evolve

from runner.model import (
    USUAL_RESOLUTION,
    Case,
    Cell,
    Device,
    Expectation,
    Matrix,
    Release,
    Repro,
    Resolution,
    Rule,
    Target,
    Variant,
    file_of_test,
    is_named,
    package_name,
)
from runner.releases import specifier
from runner.requirements import bounds


def cells(
    matrix: Matrix, releases: Sequence[Release], case_globs: Sequence[str] = ()
) -> list[Cell]:
    """Every cell of the matrix in the order of the report: repro, case, release, device."""
    return [
        planned_cell(repro, case, release, device, tuple(case_globs) if repro.suite else ())
        for repro in matrix.repros
        for case in repro.cases
        if (may_hold_tests(case, case_globs) if repro.suite else is_selected(case, case_globs))
        for release in releases
        for device in matrix.devices
    ]


def is_selected(case: Case, globs: Sequence[str]) -> bool:
    """Whether `--case` selects this case. A case's own name selects all its variants."""
    return is_named(case.name, tuple(globs)) or is_named(case.base_name, tuple(globs))


def selects_test(cell: Cell, row: str) -> bool:
    """Whether `--case` selects this test of a suite's file."""
    return not cell.wanted or any(is_named(name, cell.wanted) for name in (row, _varied(cell, row)))


def _varied(cell: Cell, row: str) -> str:
    variant = cell.case.variant.name
    return f"{row}@{variant}" if variant else row


def cell_of_test(cell: Cell, name: str) -> Cell:
    """A test of a suite's file as a separate cell."""
    case = evolve(cell.case, name=_varied(cell, name))
    release, device = cell.target.release, cell.target.device
    return evolve(
        cell,
        case=case,
        skip=_skip(cell.repro, case, release, device),
        expected=expectation(cell.repro, case, release, device),
    )


def targets(planned: Iterable[Cell]) -> list[Target]:
    """The environments in which cells will run, oldest release first."""
    wanted = {cell.target: None for cell in planned if cell.skip is None and cell.lacks is None}
    return sorted(wanted, key=lambda target: (target.release.parsed, target.device.value))


@lru_cache(maxsize=4096)
def target(
    release: Release,
    device: Device,
    requirements: tuple[str, ...] = (),
    python: Optional[str] = None,
    resolution: Resolution = USUAL_RESOLUTION,
) -> Target:
    """A release on a device; by default with the Python that the catalogue prefers."""
    preferred = release.pythons[0]
    if device is Device.CUDA and release.cuda is not None:
        preferred = release.cuda.python or preferred
    return Target(
        release=release,
        device=device,
        python=python or preferred,
        requirements=requirements,
        resolution=resolution,
    )


def applies_to(rule: Rule, case: Case, release: Release, device: Device) -> bool:
    """Whether a rule of matrix.yaml applies to a cell."""
    return (
        (rule.device is None or rule.device is device)
        and is_named(case.base_name, rule.cases)
        and all(case.variant.values.get(axis) == name for axis, name in rule.axes.items())
        and specifier.matches(rule.tf, release)
    )


def may_hold_tests(case: Case, globs: Sequence[str]) -> bool:
    """Whether `globs` may select a test in this file; one that names another file does not."""
    files = list(map(file_of_test, globs))
    return not files or any(
        is_named(case.base_name, (one,)) or not one.endswith(".py") for one in files
    )


def planned_cell(
    repro: Repro, case: Case, release: Release, device: Device, wanted: tuple[str, ...] = ()
) -> Cell:
    """One cell, with the rules applied."""
    variant = case.variant
    python = variant.python or _python(repro, release, device)
    resolution = repro.resolution
    if resolution.later != variant.later:
        resolution = evolve(resolution, later=variant.later)
    chosen = target(release, device, _requirements(repro, release, variant), python, resolution)
    return Cell(
        repro=repro,
        case=case,
        target=chosen,
        skip=_skip(repro, case, release, device),
        lacks=_lacks(repro, chosen),
        expected=expectation(repro, case, release, device),
        wanted=wanted,
    )


def _python(repro: Repro, release: Release, device: Device) -> Optional[str]:
    """The first Python that the release and the repro allow; None means the preferred one."""
    usual = target(release, device).python
    if not repro.python or (device is Device.CUDA and release.cuda and release.cuda.base):
        return None
    return next(iter(bounds.allowed_pythons(repro.python, (usual, *release.pythons))), None)


def _lacks(repro: Repro, chosen: Target) -> Optional[str]:
    """The Python that the repro needs, if the environment has another one."""
    wrong = [each for each in repro.python if not bounds.allowed_pythons([each], [chosen.python])]
    if not wrong:
        return None
    there = ", ".join(chosen.release.pythons)
    return (
        f"needs Python {wrong[0].requirement}, says {wrong[0].source}: TensorFlow"
        f" {chosen.release.version} is there for {there}"
    )


def _requirements(repro: Repro, release: Release, variant: Variant) -> tuple[str, ...]:
    """The packages; a variant's requirement replaces the repro's on the same package."""
    matching = (
        packages
        for spec, packages in repro.requirements.items()
        if specifier.matches(spec, release)
    )
    replaced = {package_name(requirement) for requirement in variant.requirements}
    asked = {package for packages in matching for package in packages}
    kept = {package for package in asked if package_name(package) not in replaced}
    return tuple(sorted(kept.union(variant.requirements)))


def _skip(repro: Repro, case: Case, release: Release, device: Device) -> Optional[str]:
    return next(_reasons_to_skip(repro, case, release, device), None)


def _reasons_to_skip(repro: Repro, case: Case, release: Release, device: Device) -> Iterator[str]:
    for exclusion in repro.exclusions:
        if applies_to(exclusion.rule, case, release, device):
            yield exclusion.reason
    for spec in case.variant.tf:
        if not release.absent and not specifier.matches(spec, release):
            yield f"{case.variant.name or 'this variant'} is for TensorFlow {spec}"
    bound = bounds.refusing_bound(
        repro.tensorflow, release, case.variant.python or release.pythons[0]
    )
    if bound is not None:
        yield f"{bound.source} asks for {bound.requirement}"
    as_of = repro.resolution.as_of
    if as_of and as_of < release.released.isoformat():
        yield f"TensorFlow {release.version} came out on {release.released}, after {as_of}"
    python = case.variant.python
    if python is not None and python not in release.pythons:
        there = ", ".join(release.pythons)
        yield f"TensorFlow {release.version} is not there for Python {python}, only for {there}"
    if device is Device.CUDA:
        if release.cuda is None:
            yield f"no CUDA build of TensorFlow {release.version} is known"
        elif release.cuda.unavailable:
            yield release.cuda.unavailable
        elif python is not None and release.cuda.base and python != release.cuda.python:
            yield f"the CUDA image of TensorFlow {release.version} has a Python of its own"


def expectation(
    repro: Repro, case: Case, release: Release, device: Device
) -> Optional[Expectation]:
    """The last matching rule of matrix.yaml, so that a rule can be followed by its exceptions."""
    latest_first = reversed(repro.expectations)
    return next((e for e in latest_first if applies_to(e.rule, case, release, device)), None)
