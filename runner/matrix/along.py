"""`--along SPEC`: the releases of a package as columns, on one release of TensorFlow.

`keras>=3` means every release of Keras 3 that the index has for the environment's Python, or with
`latest` the newest patch of each series. A name alone is an axis of matrix.yaml if it has one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from packaging.requirements import InvalidRequirement, Requirement

from runner import paths
from runner.errors import UsageError
from runner.matrix import vary
from runner.model import Axis, Target
from runner.releases.upstream import index, packages
from runner.releases.upstream.packages import PackageRelease

Find = Callable[[str, Target], list[PackageRelease]]
"""The releases of a package that a target can have, oldest first."""


def releases_in_index(name: str, target: Target) -> list[PackageRelease]:
    """The releases on the package index. Raises `UsageError` if it does not have the package."""
    source = index.configured_index(
        paths.index(), lambda line: print(f"tfmatrix: {line}", file=sys.stderr)
    )
    return packages.releases(source.files(name), target.python)


def column_axis(
    spec: str,
    target: Target,
    patches: str,
    known: Sequence[Axis],
    *,
    find: Find = releases_in_index,
) -> Axis:
    """The columns that `spec` names, oldest first. Raises `UsageError`.

    Packages are resolved as of the date of the target's release or of the column's, whichever is
    later.
    """
    for each in known:
        if each.name == spec:
            return each
    asked = _requirement(spec)
    there = [each for each in find(asked.name, target) if _admits(asked, each)]
    chosen = _newest_patches(there) if patches == "latest" else there
    if not there:
        raise UsageError(
            f"--along {spec}: the index has no such release of {asked.name} for Python"
            f" {target.python}",
            remedy="check the name and the range",
        )
    if len(chosen) < 2:
        raise UsageError(
            f"--along {spec}: {len(chosen)} of its releases install on Python {target.python}",
            remedy="name a range that holds at least two, such as --along 'keras>=3'",
        )
    days = {f"{each.version}": each.uploaded for each in chosen if each.uploaded}
    return vary.package(asked.name, [f"{each.version}" for each in chosen], days)


def _requirement(spec: str) -> Requirement:
    try:
        asked = Requirement(spec)
    except (InvalidRequirement, RecursionError) as error:
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
    """Whether the range allows it: pre-releases only if it names one, withdrawn releases never."""
    pre = bool(asked.specifier.prereleases)
    return not release.yanked and asked.specifier.contains(release.version, prereleases=pre)


def _newest_patches(releases: Sequence[PackageRelease]) -> list[PackageRelease]:
    return list({release.version.release[:2]: release for release in releases}.values())
