"""Releases that qualify → a requirement specifier that admits them and none that failed. Pure.

A series stands for its newest measured patch, so older patches of it that nobody measured may be
admitted; `PinRequirement.unmeasured` names them, and `strict` excludes each of them. Any other
release that is known and was not measured is kept out: a bound is put at the oldest and after the
newest that qualify, and a series between them of which nothing is admitted is excluded as a whole.
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
    """A specifier, and how far it goes beyond what was measured."""

    specifier: str
    """`>=2.4.4,!=2.6.*,<2.16`"""
    unmeasured: tuple[Version, ...] = ()
    """Known releases that it admits though they were not measured."""
    excluded: tuple[Version, ...] = ()
    """Known releases between its bounds that it keeps out though they were not measured."""
    package: str = TENSORFLOW

    @property
    def requirement(self) -> str:
        return f"{self.package}{self.specifier}"


def narrowest(
    measured: Mapping[Version, bool],
    known: Iterable[Version],
    *,
    strict: bool = False,
    package: str = TENSORFLOW,
) -> Optional[PinRequirement]:
    """The narrowest requirement for what was measured (release → whether it qualifies).

    None where no release qualifies. `known` are releases of TensorFlow. Of another package only
    those measured are known, so nothing newer than the newest that qualifies is admitted.
    """
    closed = package != TENSORFLOW
    every = sorted(measured if closed else {*known, *measured})
    good = {version for version, qualifies in measured.items() if qualifies}
    if not good:
        return None
    inside = [version for version in every if min(good) <= version <= max(good)]
    unknown = [version for version in inside if version not in measured]
    older = () if strict else tuple(v for v in unknown if vouched(v, measured))
    admitted = good | set(older)
    specifier = ",".join(_clauses([] if closed else every, inside, admitted))
    _check(specifier, every, admitted)
    return PinRequirement(
        specifier=specifier,
        unmeasured=older,
        excluded=tuple(v for v in unknown if v not in admitted),
        package=package,
    )


def parse(text: str, package: str = TENSORFLOW) -> SpecifierSet:
    """`tensorflow==2.15.*`, or the specifier alone. Raises `UsageError`."""
    if not text.strip():
        raise UsageError("the requirement to check is empty")
    try:
        if not text.strip()[0].isalpha():
            return SpecifierSet(text, prereleases=True)
        wanted = Requirement(text)
    except (InvalidRequirement, InvalidSpecifier):
        raise UsageError(
            f"{text!r} is no requirement: write '{package}==2.15.*' or '>=2.4,<2.16'"
        ) from None
    names = DISTRIBUTIONS if package == TENSORFLOW else (canonicalize_name(package),)
    if canonicalize_name(wanted.name) not in names:
        raise UsageError(f"{text!r} asks for {wanted.name}; the run is about {package}")
    if wanted.url or wanted.marker:
        raise UsageError(f"{text!r}: leave out the address and the marker, and give the versions")
    return SpecifierSet(str(wanted.specifier), prereleases=True)


def admits(specifier: SpecifierSet, version: Version) -> bool:
    return specifier.contains(version, prereleases=True)


def vouched(version: Version, measured: Mapping[Version, bool]) -> bool:
    """Whether a newer patch of its series qualifies, and nothing older in it is known not to."""
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
    """`2.4` for 2.4.0: they are the same version."""
    return release_series(version) if Version(release_series(version)) == version else str(version)


def _exclusion(version: Version, admitted: set[Version]) -> str:
    """A whole series where nothing of it is admitted, else the one release."""
    part = any(release_series(version) == release_series(other) for other in admitted)
    return f"!={version}" if part else f"!={release_series(version)}.*"


def _end(every: Sequence[Version], newest: Version) -> str:
    """`<2.16` where 2.15 is admitted to its end and over; else `<=`, for what is yet to come."""
    newer = [version for version in every if version > newest]
    if not newer or newest.is_prerelease or release_series(newer[0]) == release_series(newest):
        return f"<={newest}"
    return f"<{release_series(newer[0])}"


def _check(specifier: str, every: Iterable[Version], admitted: set[Version]) -> None:
    found = SpecifierSet(specifier, prereleases=True)
    wrong = [str(v) for v in every if admits(found, v) != (v in admitted)]
    assert not wrong, f"{specifier} is wrong about {', '.join(wrong)}"
