"""`--along SPEC`: the releases of a package as columns, on one release of TensorFlow.

`keras>=3` is every release of Keras 3 that the index has for the environment's Python, or with
`latest` the newest patch of each series. A name alone is an axis of matrix.yaml where it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from packaging.requirements import InvalidRequirement, Requirement

from runner import paths
from runner.errors import UsageError
from runner.matrix import vary
from runner.model import Axis, Target
from runner.releases.upstream import packages
from runner.releases.upstream.packages import PackageRelease

Say = Callable[[str], None]
Find = Callable[[str, Target, Say], list[PackageRelease]]
"""The releases of a package that a target can have, oldest first."""


def in_index(name: str, target: Target, say: Say) -> list[PackageRelease]:
    """As the package index has them. Raises `UsageError` where it has no such package."""
    from runner.releases.upstream import index  # slow to import, seldom wanted

    return packages.releases(index.configured(paths.index(), say).files(name), target.python)


def axis(
    spec: str,
    target: Target,
    patches: str,
    known: Sequence[Axis],
    own_day: date,
    *,
    say: Say,
    find: Find = in_index,
) -> Axis:
    """The columns that `spec` asks for, oldest first; packages are taken as of `own_day`, the
    target's, or of the day of the column's release, whichever is later.

    Raises `UsageError`.
    """
    for each in known:
        if each.name == spec:
            return each
    asked = _requirement(spec)
    there = [each for each in find(asked.name, target, say) if _admits(asked, each)]
    chosen = _newest_patches(there) if patches == "latest" else there
    if len(chosen) < 2:
        raise UsageError(
            f"--along {spec}: {len(chosen)} of its releases can be had on Python {target.python}",
            remedy="name a range that holds at least two, such as --along 'keras>=3'",
        )
    days = {f"{each.version}": max(own_day, each.uploaded or own_day) for each in chosen}
    return vary.package(asked.name, list(days), days)


def _requirement(spec: str) -> Requirement:
    try:
        asked = Requirement(spec)
    except InvalidRequirement as error:
        raise UsageError(f"--along {spec}: {str(error).splitlines()[0]}") from None
    if asked.url or asked.marker or asked.extras:
        raise UsageError(f"--along {spec}: expected a package and a range, such as 'keras>=3'")
    if any(each.operator in ("!=", "===") for each in asked.specifier):
        raise UsageError(f"--along {spec}: a range has no gaps; leave {asked.specifier} without !=")
    if asked.name.lower() in ("tensorflow", "tensorflow-cpu"):
        raise UsageError(
            f"--along {spec}: releases of TensorFlow are the columns as it is",
            remedy=f"--tf '{asked.specifier}'" if asked.specifier else "leave the option out",
        )
    return asked


def _admits(asked: Requirement, release: PackageRelease) -> bool:
    """Pre-releases only where the range names one; nothing that was withdrawn."""
    return not release.yanked and asked.specifier.contains(release.version)


def _newest_patches(releases: Sequence[PackageRelease]) -> list[PackageRelease]:
    return list({release.version.release[:2]: release for release in releases}.values())
