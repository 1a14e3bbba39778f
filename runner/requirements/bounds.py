"""Tells which releases and Pythons the bounds of a script's author allow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Optional

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from runner.model import Bound, Release

_LINUX = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "extra": "",
}
"""The values of markers: all of TensorFlow's environments are for Linux on x86-64."""
_PATCH = "9"
"""The patch release that packages are resolved for, whatever this machine's Python has."""


def refusing_bound(bounds: Sequence[Bound], release: Release, python: str) -> Optional[Bound]:
    """The first bound that does not allow `release`, or None."""
    return next((each for each in bounds if not _allows(each.requirement, release, python)), None)


def allowed_pythons(bounds: Sequence[Bound], there: Sequence[str]) -> tuple[str, ...]:
    """The Pythons of `there` that all `bounds` allow."""
    allowed = [SpecifierSet(each.requirement) for each in bounds]
    return tuple(each for each in there if all(a.contains(f"{each}.{_PATCH}") for a in allowed))


@lru_cache(maxsize=65536)
def _allows(requirement: str, release: Release, python: str) -> bool:
    parsed = Requirement(requirement)
    if parsed.marker and not parsed.marker.evaluate(
        {**_LINUX, "python_version": python, "python_full_version": f"{python}.{_PATCH}"}
    ):
        return True
    return parsed.specifier.contains(release.parsed, prereleases=True)
