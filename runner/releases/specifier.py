"""SPEC → releases: selects the releases that a user's SPEC names.

A SPEC is `latest`, a comma-separated list of versions (`2.9.3,2.10`, where `2.10` is the series),
or a PEP 440 specifier set (`>=2.4,<2.8`). From each series it selects the newest release that it
allows, or with `patches="all"` every release that it allows. So `>=2.4` takes 2.4.4, `==2.9.1`
takes 2.9.1, and `!=2.9.3` takes 2.9.2 for 2.9. Comparisons are PEP 440's own: `<=2.9` allows only
2.9.0 of its series, `>2.9` allows 2.9.1 and newer, and neither `==2.15.0` nor `>2.15.0` allows
2.15.0.post1.

Pre-releases are selected only on request: by name (`2.22.0rc0`, `2.23.0.dev20261026`), by a
comparison with one (`>=2.22.0rc0`), and release candidates by `pre`. `nightly` is the newest
nightly. A requirement on the package (`tf-nightly>=2.23.0.dev20261001`, or `tf-nightly` alone)
selects every nightly that it allows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from attrs import frozen
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from runner.errors import UsageError
from runner.model import Release

EVERY_RELEASE = ">=0"
"""Matches all releases, and environments without TensorFlow."""
_SERIES = re.compile(r"[0-9]+\.[0-9]+")
_NIGHTLIES = re.compile(r"\s*tf[-_.]nightly\b(?P<spec>.*)", re.IGNORECASE | re.DOTALL)
_PRE = re.compile(r"\d(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d|[-_.]?dev\d", re.IGNORECASE)
_DEV = re.compile(r"[-_.]?dev\d", re.IGNORECASE)
_COMMA_FOR_DOT = re.compile(r"(?<![\d.])(\d+)\s*,\s*(\d+)(?![\d.])")
"""`2,9`, but not `2.9,10`."""
_HINT = "a SPEC is `latest`, versions such as `2.9.3,2.10`, or a specifier set such as `>=2.4,<2.8`"


@frozen(kw_only=True)
class AskedPrereleases:
    """The kinds of pre-releases that a SPEC needs; they are not in the catalogue."""

    candidates: bool
    nightlies: bool


def prereleases_asked(spec: str, *, pre: bool = False) -> AskedPrereleases:
    """The pre-releases that must be known to apply `spec`. Never raises."""
    nightlies = any(
        item.strip() == "nightly" or _NIGHTLIES.match(item) or _DEV.search(item)
        for item in spec.split(",")
    )
    return AskedPrereleases(candidates=pre or bool(_PRE.search(spec)), nightlies=nightlies)


def select(
    releases: Sequence[Release], spec: str, patches: str = "latest", *, pre: bool = False
) -> tuple[Release, ...]:
    """The releases that `spec` names, oldest first. Raises `UsageError` if there are none.

    With `pre`, release candidates count as releases.
    """
    if patches not in ("latest", "all"):
        raise UsageError(f"--patches {patches}: expected `latest` or `all`")
    items = _items(spec, releases)
    if all(_is_plain(item) for item in items):
        chosen = [r for item in items for r in _named(releases, item, patches, pre)]
    else:
        allowed = [release for release in _pool(releases, spec, pre) if _allows(spec, release)]
        chosen = allowed if patches == "all" or _NIGHTLIES.match(spec) else _newest(allowed)
    if not chosen:
        raise UsageError(f"no TensorFlow release is {spec}; {_around(releases, items)}")
    return tuple(sorted(set(chosen), key=lambda release: release.parsed))


@lru_cache(maxsize=65536)
def matches(spec: str, release: Release) -> bool:
    """Whether `spec` matches `release`. An empty one matches all; a series matches all its patches.

    For rules, which apply to each release separately. So `latest` is refused.
    """
    if not spec.strip():
        return True
    if release.absent:  # a rule that names releases is none for it
        return spec == EVERY_RELEASE
    items = _items(spec)
    if "latest" in items:
        raise UsageError("`latest` cannot be used here: name the versions")
    if all(_is_plain(item) for item in items):
        return any(item == release.series or _same(item, release) for item in items)
    return _allows(spec, release)


def newest_patches(releases: Sequence[Release]) -> tuple[Release, ...]:
    """The newest release of each series, oldest series first."""
    return tuple(sorted(_newest(releases), key=lambda release: release.parsed))


def check(spec: str) -> None:
    """Raises `UsageError` if `spec` is not a valid SPEC."""
    items = _items(spec)
    if all(_is_plain(item) for item in items):
        for item in items:
            if item not in ("latest", "nightly"):
                _version(_bare(item))
    else:
        _set(spec)


def _items(spec: str, releases: Sequence[Release] = ()) -> list[str]:
    """The parts of a SPEC. `releases`: the known ones, for the message. Raises `UsageError`."""
    items = [item.strip().removeprefix("v") for item in spec.split(",")]
    if not all(items):
        raise UsageError(f"{spec!r} is not a SPEC: {_HINT}")
    if _NIGHTLIES.match(spec) and any(not _is_plain(item) for item in items):
        return [spec]
    if any(item.isdigit() for item in items):
        raise UsageError(_about_number(spec, items, releases))
    plain = [item for item in items if _is_plain(item)]
    if plain and len(plain) < len(items):
        meant = f"{plain[0]}.*" if _SERIES.fullmatch(plain[0]) else plain[0]
        raise UsageError(
            f"{spec!r} mixes versions and comparisons: write `=={meant}`, or versions alone"
        )
    return items


def _about_number(spec: str, items: Sequence[str], releases: Sequence[Release]) -> str:
    """What is wrong with a SPEC that has a number without a dot, and what was meant."""
    dotted = _COMMA_FOR_DOT.sub(r"\1.\2", spec)
    if not any(item.strip().isdigit() for item in dotted.split(",")):
        return f"{spec!r}: a comma separates versions, and a dot their parts: write `{dotted}`"
    majors = {str(release.parsed.major) for release in releases}
    numbers = [item for item in items if item.isdigit()]
    for unknown in (number for number in numbers if majors and number not in majors):
        return f"no TensorFlow release {unknown} is known; {_around(releases, [unknown])}"
    return f"{spec!r} is neither a release nor a series: write `=={numbers[0]}.*`"


def _is_plain(item: str) -> bool:
    """Whether it means a single version: `tf-nightly==V` does, `tf-nightly>=V` does not."""
    nightlies = _NIGHTLIES.match(item)
    if nightlies:
        return nightlies["spec"].strip().startswith("==") and "*" not in item
    return item[0] not in "<>=!~"


def _bare(item: str) -> str:
    """The version in `tf-nightly==VERSION`."""
    nightlies = _NIGHTLIES.match(item)
    return nightlies["spec"].strip().lstrip("= ") if nightlies else item


def _named(releases: Sequence[Release], item: str, patches: str, pre: bool) -> list[Release]:
    pool = _pool(releases, "", pre)
    if item == "latest":
        return pool[-1:]
    if item == "nightly":
        found = [release for release in releases if release.parsed.is_devrelease][-1:]
    elif _SERIES.fullmatch(item):
        series = [release for release in pool if release.series == item]
        found = series if patches == "all" else series[-1:]
    else:
        found = [release for release in releases if _same(item, release)]
    if not found:
        raise UsageError(f"no TensorFlow release {item} is known; {_around(releases, [item])}")
    return found


def _pool(releases: Sequence[Release], spec: str, pre: bool) -> list[Release]:
    """The releases from which `spec` selects, oldest first; with pre-releases if it needs them."""
    if _NIGHTLIES.match(spec):
        pool = [release for release in releases if release.parsed.is_devrelease]
    else:
        asked = prereleases_asked(spec, pre=pre)
        pool = [
            release
            for release in releases
            if not release.parsed.is_prerelease
            or (asked.nightlies if release.parsed.is_devrelease else asked.candidates)
        ]
    return sorted(pool, key=lambda release: release.parsed)


def _allows(spec: str, release: Release) -> bool:
    if _NIGHTLIES.match(spec) and not release.parsed.is_devrelease:
        return False
    return _set(spec).contains(release.parsed)


def _same(item: str, release: Release) -> bool:
    """Whether both are the same version. `2.9.3` and `2.9.3.0`
    are, but `2.9` is a series, not 2.9.0."""
    if item == "nightly":
        return release.parsed.is_devrelease
    return not _SERIES.fullmatch(item) and _version(_bare(item)) == release.parsed


def _newest(releases: Sequence[Release]) -> list[Release]:
    newest: dict[str, Release] = {}
    for release in sorted(releases, key=lambda release: release.parsed):
        newest[release.series] = release
    return list(newest.values())


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise UsageError(f"{text!r} is not a version: {_HINT}") from None


def _set(spec: str) -> SpecifierSet:
    nightlies = _NIGHTLIES.match(spec)
    try:
        return SpecifierSet(nightlies["spec"] if nightlies else spec, prereleases=True)
    except InvalidSpecifier:
        raise UsageError(f"{spec!r} is not a PEP 440 specifier set: {_HINT}") from None


def _around(releases: Sequence[Release], items: Sequence[str]) -> str:
    """The known releases nearest to the user's: `the nearest known are 2.9.3 and 2.10.1`."""
    found = re.search(r"\d+(\.\d+)*", items[-1])
    if not releases or not found:
        return "the catalogue has none such"
    wanted = Version(found.group())
    below = [release.version for release in releases if release.parsed < wanted]
    above = [release.version for release in releases if release.parsed >= wanted]
    near = " and ".join(below[-1:] + above[:1])
    said = f"the nearest known {'are' if below and above else 'is'} {near}"
    is_next = not above and wanted.major <= Version(below[-1]).major + 1
    return f"{said}; --pre counts release candidates too" if is_next else said
