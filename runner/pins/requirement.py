"""Writes a requirement that admits the qualifying releases and none that failed. Pure.

A series stands for its newest measured patch, so the requirement may admit older patches that
nobody measured. `PinRequirement.unmeasured` lists them, and `strict` excludes each. All other known
releases that were not measured are kept out: the bounds are the oldest and the newest qualifying
release, and a series between them is excluded if none of its releases is admitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from runner.errors import UsageError
from runner.model import release_series

TENSORFLOW = "tensorflow"
DISTRIBUTIONS = (TENSORFLOW, "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel")


@frozen(kw_only=True)
class PinRequirement:
    """A specifier, and the releases for which it goes beyond the measurements."""

    specifier: str
    """`>=2.4.4,!=2.6.*,<2.16`"""
    unmeasured: tuple[Version, ...] = ()
    """Known releases that it admits although they were not measured."""
    excluded: tuple[Version, ...] = ()
    """Known releases between its bounds that it excludes although they were not measured."""
    package: str = TENSORFLOW

    @property
    def requirement(self) -> str:
        return f"{self.package}{self.specifier}"


def narrowest_requirement(
    measured: Mapping[Version, bool],
    known: Iterable[Version],
    *,
    strict: bool = False,
    package: str = TENSORFLOW,
) -> Optional[PinRequirement]:
    """The narrowest requirement for the measured releases (release → whether it qualifies).

    None if no release qualifies. `known` are TensorFlow's releases. For another package only the
    measured releases are known, so nothing newer than the newest qualifying one is admitted.
    """
    closed = package != TENSORFLOW
    every = sorted(measured if closed else {*known, *measured})
    good = {version for version, qualifies in measured.items() if qualifies}
    if not good:
        return None
    inside = [version for version in every if min(good) <= version <= max(good)]
    unknown = [version for version in inside if version not in measured]
    older = () if strict else tuple(v for v in unknown if is_vouched_for(v, measured))
    admitted = good | set(older)
    specifier = ",".join(_clauses([] if closed else every, inside, admitted))
    _check(specifier, every, admitted)
    return PinRequirement(
        specifier=specifier,
        unmeasured=older,
        excluded=tuple(v for v in unknown if v not in admitted),
        package=package,
    )


def parse_requirement(text: str, package: str = TENSORFLOW) -> SpecifierSet:
    """The specifier of `tensorflow==2.15.*`, or of a specifier alone. Raises `UsageError`."""
    if not text.strip():
        raise UsageError("the requirement to check is empty")
    try:
        if not text.strip()[0].isalpha():
            return SpecifierSet(text, prereleases=True)
        wanted = Requirement(text)
    except (InvalidRequirement, InvalidSpecifier, RecursionError):
        raise UsageError(
            f"{text!r} is not a requirement: write '{package}==2.15.*' or '>=2.4,<2.16'"
        ) from None
    names = DISTRIBUTIONS if package == TENSORFLOW else (canonicalize_name(package),)
    if canonicalize_name(wanted.name) not in names:
        raise UsageError(f"{text!r} asks for {wanted.name}; the run is about {package}")
    if wanted.url or wanted.marker:
        raise UsageError(f"{text!r}: leave out the address and the marker, and give the versions")
    return SpecifierSet(str(wanted.specifier), prereleases=True)


def admits(specifier: SpecifierSet, version: Version) -> bool:
    return specifier.contains(version, prereleases=True)


def is_vouched_for(version: Version, measured: Mapping[Version, bool]) -> bool:
    """Whether a newer patch of its series qualifies, and no older patch is known not to."""
    peers = sorted(peer for peer in measured if release_series(peer) == release_series(version))
    older = [peer for peer in peers if peer < version]
    newer = [peer for peer in peers if peer > version]
    return bool(newer) and all(measured[peer] for peer in [*older[-1:], newer[0]])


def _clauses(
    every: Sequence[Version], inside: Sequence[Version], admitted: set[Version]
) -> Iterator[str]:
    if len(admitted) == 1:
        yield f"=={inside[0]}"
        return
    yield f">={_short(inside[0])}"
    yield from dict.fromkeys(_exclusion(v, admitted) for v in inside if v not in admitted)
    yield _end(every, inside[-1])


def _short(version: Version) -> str:
    """`2.4` for 2.4.0; both mean the same version."""
    return release_series(version) if Version(release_series(version)) == version else str(version)


def _exclusion(version: Version, admitted: set[Version]) -> str:
    """An exclusion of the whole series if none of it is admitted, else of the one release."""
    part = any(release_series(version) == release_series(other) for other in admitted)
    return f"!={version}" if part else f"!={release_series(version)}.*"


def _end(every: Sequence[Version], newest: Version) -> str:
    """The upper bound: `<2.16` if 2.15 is over and admitted to its end, else `<=` the newest."""
    newer = [version for version in every if version > newest]
    if not newer or newest.is_prerelease or release_series(newer[0]) == release_series(newest):
        return f"<={newest}"
    return f"<{release_series(newer[0])}"


def _check(specifier: str, every: Iterable[Version], admitted: set[Version]) -> None:
    found = SpecifierSet(specifier, prereleases=True)
    wrong = [str(v) for v in every if admits(found, v) != (v in admitted)]
    assert not wrong, f"{specifier} is wrong about {', '.join(wrong)}"
