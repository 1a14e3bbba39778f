"""Compares the catalogue with the index: which releases each of them has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Optional

from attrs import frozen
from packaging.version import Version

from runner.model import Release
from runner.releases.upstream.offers import Offer

Offers = Mapping[Version, Offer]


@frozen(kw_only=True)
class TableRow:
    """One release, with what the catalogue and the index know about it."""

    version: str
    released: Optional[date]
    pythons: tuple[str, ...]
    catalogue: bool
    index: Optional[bool]
    """None if the index was not read."""
    yanked: Optional[str] = None
    kind: str = "release"
    """`release`, `candidate` or `nightly`."""

    @property
    def state(self) -> str:
        if self.kind != "release":
            words = "not in a catalogue"
        elif not self.catalogue:
            words = "missing from the catalogue"
        elif self.index is False:
            words = "gone from the index"
        else:
            words = "in the catalogue"
        return words if self.yanked is None else f"{words}; yanked: {self.yanked}"


def table_rows(catalogue: Sequence[Release], offered: Optional[Offers]) -> list[TableRow]:
    """Final releases, oldest first; `offered` is None if the index was not read."""
    known = {release.parsed: release for release in catalogue}
    final = {v: o for v, o in (offered or {}).items() if not v.is_prerelease}
    return [
        _row(version, known.get(version), final.get(version), read=offered is not None)
        for version in sorted({*known, *final})
    ]


def pre_rows(releases: Sequence[Release], kind: str) -> list[TableRow]:
    """Rows for release candidates or nightlies."""
    return [
        TableRow(
            version=release.version,
            released=release.released,
            pythons=release.pythons,
            catalogue=False,
            index=True,
            yanked=release.yanked,
            kind=kind,
        )
        for release in releases
    ]


def missing_releases(catalogue: Sequence[Release], offered: Offers) -> list[Offer]:
    """Final releases of the index that the catalogue lacks, oldest first."""
    known = {release.parsed for release in catalogue}
    return [o for v, o in sorted(offered.items()) if v not in known and not v.is_prerelease]


def newly_yanked(catalogue: Sequence[Release], offered: Offers) -> list[tuple[Release, str]]:
    """Releases that were yanked since the catalogue was written, with the reason."""
    found = []
    for release in catalogue:
        offer = offered.get(release.parsed)
        if offer is not None and offer.yanked is not None and release.yanked is None:
            found.append((release, offer.yanked))
    return found


def table_text(rows: Sequence[TableRow]) -> str:
    """The table as text for a terminal."""
    cells = [("release", "date", "Pythons", "")]
    cells += [
        (row.version, f"{row.released or '?'}", " ".join(row.pythons), row.state) for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in cells
    )


def as_json(rows: Sequence[TableRow]) -> list[dict[str, Any]]:
    return [
        {
            "version": row.version,
            "kind": row.kind,
            "released": row.released.isoformat() if row.released else None,
            "pythons": list(row.pythons),
            "catalogue": row.catalogue,
            "index": row.index,
            "yanked": row.yanked,
        }
        for row in rows
    ]


def _row(
    version: Version, release: Optional[Release], offer: Optional[Offer], read: bool
) -> TableRow:
    """A row. The catalogue's facts come first, because they are checked and know preferred
    Pythons."""
    yanked = release.yanked if release is not None else None
    if offer is not None and yanked is None:
        yanked = offer.yanked
    return TableRow(
        version=release.version if release else f"{version}",
        released=release.released if release else offer.uploaded if offer else None,
        pythons=release.pythons if release else offer.pythons if offer else (),
        catalogue=release is not None,
        index=offer is not None if read else None,
        yanked=yanked,
    )
