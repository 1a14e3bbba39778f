"""Matrix × releases → cells, with the matrix's rules applied. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from packaging.specifiers import SpecifierSet

from runner.model import (
    Case,
    Cell,
    Device,
    Expectation,
    Matrix,
    Release,
    Repro,
    Rule,
    Target,
)


def cells(
    matrix: Matrix, releases: Sequence[Release], case_globs: Sequence[str] = ()
) -> list[Cell]:
    """Every cell of the matrix in the order of the report: repro, case, release, device."""
    return [
        _cell(repro, case, release, device)
        for repro in matrix.repros
        for case in repro.cases
        if _named(case.name, case_globs)
        for release in releases
        for device in matrix.devices
    ]


def targets(planned: Iterable[Cell]) -> list[Target]:
    """The environments that some cell needs, oldest release first; skipped cells need none."""
    wanted = {cell.target: None for cell in planned if cell.skip is None}
    return sorted(wanted, key=lambda target: (target.release.parsed, target.device.value))


def target(release: Release, device: Device, requirements: tuple[str, ...] = ()) -> Target:
    """A release on a device with the Python that the catalogue prefers for it."""
    python = release.pythons[0]
    if device is Device.CUDA and release.cuda is not None:
        python = release.cuda.python or python
    return Target(release=release, device=device, python=python, requirements=requirements)


def speaks_of(rule: Rule, case: Case, release: Release, device: Device) -> bool:
    """Whether a rule of matrix.yaml applies to a cell."""
    return (
        (rule.device is None or rule.device is device)
        and _named(case.name, rule.cases)
        and SpecifierSet(rule.tf).contains(release.version, prereleases=True)
    )


def _cell(repro: Repro, case: Case, release: Release, device: Device) -> Cell:
    return Cell(
        repro=repro,
        case=case,
        target=target(release, device, _requirements(repro, release)),
        skip=_skip(repro, case, release, device),
        expected=_expectation(repro, case, release, device),
    )


def _requirements(repro: Repro, release: Release) -> tuple[str, ...]:
    matching = (
        packages
        for specifier, packages in repro.requirements.items()
        if SpecifierSet(specifier).contains(release.version, prereleases=True)
    )
    return tuple(sorted({package for packages in matching for package in packages}))


def _skip(repro: Repro, case: Case, release: Release, device: Device) -> Optional[str]:
    return next(_reasons_to_skip(repro, case, release, device), None)


def _reasons_to_skip(repro: Repro, case: Case, release: Release, device: Device) -> Iterator[str]:
    for exclusion in repro.exclusions:
        if speaks_of(exclusion.rule, case, release, device):
            yield exclusion.reason
    if device is Device.CUDA:
        if release.cuda is None:
            yield f"no CUDA build of TensorFlow {release.version} is known"
        elif release.cuda.unavailable:
            yield release.cuda.unavailable


def _expectation(
    repro: Repro, case: Case, release: Release, device: Device
) -> Optional[Expectation]:
    """The last that matches wins, so that a matrix can state a rule and then its exception."""
    matching = [e for e in repro.expectations if speaks_of(e.rule, case, release, device)]
    return matching[-1] if matching else None


def _named(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs)
