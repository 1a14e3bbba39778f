"""The releases of any package, as far as one Python can have them installed from wheels."""

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
"""As for locks: what runs with the C library of the base images."""
_LEVEL = 9
"""Patch release of Python that is looked up, as for locks."""


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
    """Day of its first wheel, where the index tells it."""
    yanked: bool = False


def releases(files: Iterable[PackageFile], python: str) -> list[PackageRelease]:
    """What Python `python` can have on Linux on x86-64, oldest first."""
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
    """From `one` to `other`, both of them included, oldest first.

    Pre-releases are only taken where an end is one, yanked releases only as ends.
    Raises `UsageError` for an end that is not there.
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
    except ValueError:  # InvalidVersion is one
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
    """The version of a wheel that fits; None of all other files."""
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
    except InvalidSpecifier:  # of a form that was accepted once
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
