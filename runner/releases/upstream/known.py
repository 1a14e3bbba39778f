"""The releases from which a SPEC selects: the catalogue's, and pre-releases if it needs them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Optional

from runner import paths
from runner.model import Release
from runner.releases import catalogue, specifier


def releases(spec: str, *, pre: bool = False) -> tuple[Release, ...]:
    """The releases, oldest first. The index is read only if `spec` or `pre` needs pre-releases."""
    final = catalogue.load_releases()
    asked = specifier.prereleases_asked(spec, pre=pre)
    if not (asked.candidates or asked.nightlies):
        return final
    found = {release.parsed: release for release in _pre(final, asked, _to_stderr)}
    found.update({release.parsed: release for release in final})
    return tuple(found[version] for version in sorted(found))


def newest_ahead() -> Optional[Release]:
    """The newest nightly or candidate, if it is newer than every
    release; None if the index has none."""
    final = catalogue.load_releases()
    found = _pre(final, specifier.AskedPrereleases(candidates=True, nightlies=True), _to_stderr)
    ahead = [release for release in found if release.parsed > final[-1].parsed]
    return max(ahead, key=lambda release: release.parsed, default=None)


def _pre(
    final: tuple[Release, ...], asked: specifier.AskedPrereleases, say: Callable[[str], None]
) -> list[Release]:
    from runner.releases.upstream import (
        index,
        offers,
        prereleases,
    )  # slow to import and rarely used

    source = index.configured_index(paths.index(), say)
    found: list[Release] = []
    if asked.candidates:
        pair = prereleases.CANDIDATES
        cpu, full = (offers.offers_of(source.wheels(name)) for name in (pair.cpu, pair.full))
        found += prereleases.candidates(final, cpu, full)
    if asked.nightlies:
        pair = prereleases.NIGHTLIES
        cpu, full = (offers.offers_of(source.wheels(name)) for name in (pair.cpu, pair.full))
        found += prereleases.nightlies(final, cpu, full)
    return found


def _to_stderr(line: str) -> None:
    print(f"tfmatrix: {line}", file=sys.stderr)
