"""Notes how an environment's packages differ from the request and from the release's own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Optional

from packaging.version import Version

from runner.environments.relaxing import exact_version
from runner.model import Environment, Target, package_name, pinned_version
from runner.requirements import wheels


def notes_on(
    environment: Environment, usual: Optional[Mapping[str, str]] = None
) -> tuple[str, ...]:
    """The notes, one line each. `usual`: package → version in the release's own environment."""
    return tuple(_of(environment.target, pinned_versions(environment.packages), usual or {}))


def pinned_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Package → version, for requirements `name==version`."""
    return {package_name(name): version for name, version in map(pinned_version, packages)}


def _of(target: Target, there: Mapping[str, str], usual: Mapping[str, str]) -> Iterator[str]:
    resolution = target.resolution
    if resolution.as_of:
        yield f"packages as of {resolution.as_of}, as pip would have taken them"
    for requirement in resolution.forced:
        name = package_name(requirement)
        yield f"{name} {there.get(name, '?')} by force, whatever TensorFlow asks for"
    for wheel in wheels.among(target.requirements):
        yield f"{wheel.name} is {wheel.file_name}, SHA-256 {wheel.sha256[:12]}…"
    asked = {package_name(each): exact_version(each) for each in target.requirements}
    for name, version in asked.items():
        found = there.get(name)
        if version and found and not _same(found, version):
            yield f"{name} {found} instead of {version}, which is not available"
    if resolution.later > target.release.as_of.isoformat():
        yield f"packages as of {resolution.later}"
    mine = {*asked, *map(package_name, resolution.forced)}
    for name, version in usual.items() if not (resolution.as_of or resolution.later) else ():
        found = there.get(name)
        if found and found != version and name not in mine:
            yield f"{name} {found} instead of {version}, for the packages that were added"


def _same(one: str, other: str) -> bool:
    return Version(one) == Version(other)
