"""The packages and settings that a command line and a script add to a repro."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Optional

from attrs import evolve
from packaging.requirements import Requirement

from runner.errors import UsageError
from runner.matrix import words
from runner.model import Release, Repro, Resolution, package_name
from runner.releases.specifier import EVERY_RELEASE
from runner.requirements import bounds, script
from runner.requirements.asked import NOTHING, Asked

NETWORK_IS_OPEN = (
    "THE NETWORK IS OPEN to the cells: a script can reach all that this machine can, what it finds"
    " may differ from day to day, and nothing of it is kept"
)


def shared_packages(files: Sequence[Path], projects: Sequence[str]) -> Asked:
    """The packages of `-r` and `--project`, for every script. Raises `UsageError`."""
    asked = NOTHING
    if files:
        from runner.requirements import file as requirements_file

        for each in files:
            asked += requirements_file.read_file(each)
    if projects:
        from runner.requirements import project

        for word in projects:
            asked += project.read_project(word)
    return asked


def resolution(forced: Sequence[str], relax: bool, as_of: Optional[str]) -> Resolution:
    """The settings of `--force-package`, `--relax` and `--as-of`. Raises `UsageError`."""
    for package in forced:
        _check("--force-package", package)
        parsed = Requirement(package)
        if not re.fullmatch(r"={2,3}[^*,]+", str(parsed.specifier)) or parsed.marker:
            raise UsageError(
                f'--force-package: "{package}" names no one version; expected numpy==2.0.2'
            )
    names = {package_name(package): package for package in forced}
    for package in forced:
        if (other := names[package_name(package)]) != package:
            raise UsageError(f"--force-package: {package} and {other} are the same package")
    return Resolution(forced=tuple(forced), relax=relax, as_of="" if as_of is None else _day(as_of))


def _day(text: str) -> str:
    today = datetime.now(timezone.utc).date()
    try:
        day = today if text == "today" else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text}: expected `today` or a day such as 2024-06-30") from None
    if day > today:
        raise UsageError(f"--as-of {text}: that day has not come; the last is `today`")
    return day.isoformat()


def with_data(repro: Repro, folder: Optional[Path], network: bool) -> Repro:
    """The repro with the access that `--data` and `--network` give. Raises `UsageError`."""
    if folder is not None and not folder.is_dir():
        auto = "; `auto` is for `tfmatrix run`" if folder == Path("auto") else ""
        raise UsageError(f"--data {folder}: there is no such folder{auto}")
    notes = (*repro.notes, NETWORK_IS_OPEN) if network else repro.notes
    return evolve(repro, data=folder or repro.data, network=network, notes=notes)


def _check(option: str, package: str) -> None:
    if package == "auto":
        raise UsageError(f"{option} auto is for `tfmatrix run`: name the packages here")
    try:
        words.requirement(package)
    except ValueError as error:
        raise UsageError(f'{option}: "{package}" {error}') from None


def with_packages(
    repro: Repro, everywhere: Asked, packages: Sequence[str], usual: Resolution
) -> Repro:
    """The repro with the packages of its own text, `everywhere` and `--with`.

    For the same package, the last of these counts. Raises `UsageError`.
    """
    asked = script.read_script(repro.script) + everywhere
    constraints = (*usual.constraints, *asked.constraints)
    return evolve(
        repro,
        requirements=_requirements(repro, asked.packages, packages),
        resolution=evolve(usual, constraints=constraints),
        tensorflow=(*repro.tensorflow, *asked.tensorflow),
        python=(*repro.python, *asked.python),
        notes=(*repro.notes, *asked.notes),
    )


def allowed_releases(
    repros: Sequence[Repro], releases: Sequence[Release], spec: str
) -> tuple[Release, ...]:
    """The releases for which some repro is meant. Raises `UsageError` if there are none."""
    found = tuple(
        release
        for release in releases
        if not all(
            bounds.refusing_bound(repro.tensorflow, release, release.pythons[0]) for repro in repros
        )
    )
    if not found and repros:
        bound = bounds.refusing_bound(repros[0].tensorflow, releases[-1], releases[-1].pythons[0])
        said = f"{bound.source} asks for {bound.requirement}" if bound else "no repro is for them"
        raise UsageError(f"no release of {spec} is left: {said}")
    return found


def _requirements(
    repro: Repro, asked: Sequence[str], packages: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    for package in packages:
        _check("--with", package)
    named = {package_name(package) for package in packages}
    own = dict(repro.requirements)
    if asked or packages:
        own[EVERY_RELEASE] = (*own.get(EVERY_RELEASE, ()), *asked)
    kept = {
        spec: tuple(each for each in theirs if package_name(each) not in named)
        for spec, theirs in own.items()
    }
    if packages:
        kept[EVERY_RELEASE] += tuple(packages)
    return kept
