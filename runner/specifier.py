"""SPEC → releases: which releases a user's words name.

A SPEC is `latest`, a comma-separated list of versions (`2.9.3,2.10`, where `2.10` is the series),
or a PEP 440 specifier set (`>=2.4,<2.8`). Of each series the newest release that the SPEC allows is
taken, or with `patches="all"` every one that it allows. So `>=2.4` takes 2.4.4, `==2.9.1` takes
2.9.1, and `!=2.9.3` takes 2.9.2 for 2.9. Comparisons are PEP 440's own: `<=2.9` allows 2.9.0 alone
of its series, `>2.9` allows 2.9.1 and newer, and neither `==2.15.0` nor `>2.15.0` allows
2.15.0.post1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from runner.errors import UsageError
from runner.model import Release

_SERIES = re.compile(r"[0-9]+\.[0-9]+")
_HINT = "a SPEC is `latest`, versions such as `2.9.3,2.10`, or a specifier set such as `>=2.4,<2.8`"


def select(releases: Sequence[Release], spec: str, patches: str = "latest") -> tuple[Release, ...]:
    """The releases that `spec` names, oldest first. Raises `UsageError` where there are none."""
    if patches not in ("latest", "all"):
        raise UsageError(f"--patches {patches}: expected `latest` or `all`")
    items = _items(spec)
    if all(_is_plain(item) for item in items):
        chosen = [release for item in items for release in _named(releases, item, patches)]
    else:
        allowed = [release for release in releases if _set(spec).contains(release.parsed)]
        chosen = allowed if patches == "all" else _newest(allowed)
    if not chosen:
        raise UsageError(f"no TensorFlow release is {spec}; {_around(releases, items)}")
    return tuple(sorted(set(chosen), key=lambda release: release.parsed))


def matches(spec: str, release: Release) -> bool:
    """Whether `spec` speaks of `release`; an empty one speaks of all, a series of all its patches.

    For rules, which hold for each release by itself: `latest`, which does not, is refused.
    """
    if not spec.strip():
        return True
    items = _items(spec)
    if "latest" in items:
        raise UsageError("`latest` cannot be used here: name the versions")
    if all(_is_plain(item) for item in items):
        return any(item == release.series or _same(item, release) for item in items)
    return _set(spec).contains(release.parsed)


def newest_patches(releases: Sequence[Release]) -> tuple[Release, ...]:
    """The newest release of each series, oldest series first."""
    return tuple(sorted(_newest(releases), key=lambda release: release.parsed))


def check(spec: str) -> None:
    """Raises `UsageError` where `spec` is not one, whatever releases there are."""
    items = _items(spec)
    if all(_is_plain(item) for item in items):
        for item in items:
            if item != "latest":
                _version(item)
    else:
        _set(spec)


def _items(spec: str) -> list[str]:
    items = [item.strip() for item in spec.split(",")]
    if not all(items):
        raise UsageError(f"{spec!r} is no SPEC: {_HINT}")
    plain = [item for item in items if _is_plain(item)]
    if plain and len(plain) < len(items):
        meant = f"{plain[0]}.*" if _SERIES.fullmatch(plain[0]) else plain[0]
        raise UsageError(
            f"{spec!r} mixes versions and comparisons: write `=={meant}`, or versions alone"
        )
    if any(item.isdigit() for item in items):
        raise UsageError(f"{spec!r} is neither a release nor a series: write `=={items[0]}.*`")
    return items


def _is_plain(item: str) -> bool:
    return item[0] not in "<>=!~"


def _named(releases: Sequence[Release], item: str, patches: str) -> list[Release]:
    if item == "latest":
        return list(releases[-1:])
    _version(item)
    if _SERIES.fullmatch(item):
        series = [release for release in releases if release.series == item]
        found = series if patches == "all" else series[-1:]
    else:
        found = [release for release in releases if _same(item, release)]
    if not found:
        raise UsageError(f"no TensorFlow release {item} is known; {_around(releases, [item])}")
    return found


def _same(item: str, release: Release) -> bool:
    """`2.9.3` and `2.9.3.0` are one version, but `2.9` is a series and not 2.9.0."""
    return not _SERIES.fullmatch(item) and _version(item) == release.parsed


def _newest(releases: Sequence[Release]) -> list[Release]:
    newest: dict[str, Release] = {}
    for release in sorted(releases, key=lambda release: release.parsed):
        newest[release.series] = release
    return list(newest.values())


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise UsageError(f"{text!r} is no version: {_HINT}") from None


def _set(spec: str) -> SpecifierSet:
    try:
        return SpecifierSet(spec, prereleases=True)
    except InvalidSpecifier:
        raise UsageError(f"{spec!r} is no PEP 440 specifier set: {_HINT}") from None


def _around(releases: Sequence[Release], items: Sequence[str]) -> str:
    """`the nearest known are 2.9.3 and 2.10.1`, from the version that the user named."""
    found = re.search(r"\d+(\.\d+)*", items[-1])
    if not releases or not found:
        return "the catalogue has none such"
    wanted = Version(found.group())
    below = [release.version for release in releases if release.parsed < wanted]
    above = [release.version for release in releases if release.parsed >= wanted]
    near = " and ".join(below[-1:] + above[:1])
    return f"the nearest known {'are' if below and above else 'is'} {near}"
