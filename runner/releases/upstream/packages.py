"""Finds the releases of any package that one Python can install from wheels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Optional, Protocol

from attrs import frozen
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from runner.errors import UsageError

_MANYLINUX = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
    *("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"),
)
"""As for locks: platforms that work with the C library of the base images."""
_LEVEL = 9
"""The patch release of Python that is assumed, as for locks."""


class PackageFile(Protocol):
    """A file of the package, as an index lists it."""

    filename: str
    requires_python: Optional[str]
    is_yanked: bool

    @property
    def upload_time(self) -> object: ...


@frozen(kw_only=True)
class PackageRelease:
    version: Version
    uploaded: Optional[date] = None
    """The day of its first wheel, if the index states it."""
    yanked: bool = False


def releases(files: Iterable[PackageFile], python: str) -> list[PackageRelease]:
    """The releases for Python `python` on Linux on x86-64, oldest first."""
    fitting: dict[Version, list[PackageFile]] = defaultdict(list)
    for file in files:
        version = _version(file, python)
        if version is not None:
            fitting[version].append(file)
    return [
        PackageRelease(
            version=version,
            uploaded=min(_days(there), default=None),
            yanked=all(file.is_yanked for file in there),
        )
        for version, there in sorted(fitting.items())
    ]


def releases_between(
    package: str, there: Sequence[PackageRelease], one: str, other: str
) -> list[PackageRelease]:
    """The releases from `one` to `other`, including both, oldest first.

    Pre-releases count only if an end is one; yanked releases count only as ends. Raises
    `UsageError` for an unknown end.
    """
    ends = {_end(package, there, text).version for text in (one, other)}
    pre = any(version.is_prerelease for version in ends)
    return [
        each
        for each in there
        if min(ends) <= each.version <= max(ends)
        and (each.version in ends or (not each.yanked and (pre or not each.version.is_prerelease)))
    ]


def _end(package: str, there: Sequence[PackageRelease], text: str) -> PackageRelease:
    try:
        wanted = Version(text)
    except ValueError:  # also InvalidVersion
        raise UsageError(f"{text!r} is not a version of {package}") from None
    for each in there:
        if each.version == wanted:
            return each
    if not there:
        raise UsageError(f"the index has no wheel of {package} that fits")
    below = [f"{each.version}" for each in there if each.version < wanted][-1:]
    above = [f"{each.version}" for each in there if each.version > wanted][:1]
    raise UsageError(
        f"the index has no wheel of {package} {text} that fits; the nearest:"
        f" {', '.join(below + above)}"
    )


def _version(file: PackageFile, python: str) -> Optional[Version]:
    """The version of a fitting wheel; None for all other files."""
    try:
        _, version, _, tags = parse_wheel_filename(file.filename)
    except InvalidWheelFilename:
        return None
    if _tags(python).isdisjoint(tags) or not _admits(file.requires_python, python):
        return None
    return version


def _admits(requires: Optional[str], python: str) -> bool:
    try:
        return SpecifierSet(requires or "").contains(f"{python}.{_LEVEL}")
    except InvalidSpecifier:  # a form that was once accepted
        return True


@lru_cache(maxsize=16)
def _tags(python: str) -> frozenset[Tag]:
    major, minor = (int(part) for part in python.split("."))
    short = f"cp{major}{minor}"
    abis = [short, f"{short}m"] if minor < 8 else [short]
    own = cpython_tags((major, minor), abis, _MANYLINUX)
    return frozenset({*own, *compatible_tags((major, minor), short, _MANYLINUX)})


def _days(files: Iterable[PackageFile]) -> Iterator[date]:
    for file in files:
        uploaded = getattr(file.upload_time, "date", None)
        if uploaded is not None:
            yield uploaded()
