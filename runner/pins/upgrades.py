"""Finds the upgrades that keep saved files loadable, from a run of `tfmatrix exchange`. Pure.

A stretch of releases counts if each of them loads what it saved itself, and what each older one of
the stretch saved: whoever upgrades within it keeps what was saved. Only measured passes count. A
release that saves nothing in a format has no place in its stretches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional

from attrs import frozen
from packaging.version import Version

from runner.errors import UsageError
from runner.grid import PASS, Column, Grid, Row
from runner.machine.units import count
from runner.model import Verdict
from runner.pins.requirement import PinRequirement, narrowest_requirement
from runner.report.text import clean, shortened

MOST_SIGNATURE = 160


@frozen(kw_only=True)
class Stretch:
    """At least two releases, among which every upgrade keeps what was saved."""

    releases: tuple[str, ...]
    """Oldest first."""
    requirement: PinRequirement
    breaks: str = ""
    """The next newer release, which cannot be added; empty if there is none."""
    saver: str = ""
    """The release whose files it does not load."""
    signature: str = ""
    """How it fails; empty if it was not judged, or passed in some attempts only."""


@frozen(kw_only=True)
class Upgrades:
    """The stretches for one script that loads, on one device; none lies in another."""

    repro: str
    device: str
    stretches: tuple[Stretch, ...]
    unjudged: int = 0
    """How many cells of an upgrade show nothing: they were not measured, or the attempts differ."""
    savers: int = 0
    """How many releases saved something whose loading was judged."""


def find_upgrades(grid: Grid, known: Iterable[str]) -> list[Upgrades]:
    """For each square of the run. Raises `UsageError` if the run is of no exchange."""
    versions = [Version(release) for release in known]
    found = [
        _Square(grid, rows, lane).upgrades(name, device, versions)
        for name, rows in grid.repros.items()
        if all(row.saver for row in rows)
        for device, lane in grid.lanes.items()
    ]
    if not found:
        raise UsageError(
            f"run {grid.run.info.id} loads nothing that another release saved",
            remedy="name a run of tfmatrix exchange",
        )
    return found


def upgrades_text(found: Sequence[Upgrades]) -> str:
    """For each square its name, then a line for each stretch, with what ends it."""
    several = len({upgrades.device for upgrades in found}) > 1
    lines = []
    for upgrades in found:
        lines.append(clean(upgrades.repro) + (f" on {upgrades.device}" if several else ""))
        lines += [f"  {_stretch_line(stretch)}" for stretch in upgrades.stretches]
        lines += [] if upgrades.stretches else [f"  {_no_upgrade(upgrades)}"]
    return "\n".join(lines)


def _stretch_line(stretch: Stretch) -> str:
    within = f"within {stretch.requirement.requirement} an upgrade keeps what was saved loadable"
    if not stretch.breaks:
        return within
    if not stretch.signature:
        return f"{within}; that {stretch.breaks} loads what {stretch.saver} saved was not shown"
    why = clean(shortened(stretch.signature, MOST_SIGNATURE))
    return f"{within}; {stretch.breaks} does not load what {stretch.saver} saved ({why})"


def _no_upgrade(upgrades: Upgrades) -> str:
    """What is known where there is no stretch: only measured failures rule an upgrade out."""
    if upgrades.unjudged:
        which = count(upgrades.unjudged, "pair")
        return f"no upgrade was shown to keep what was saved loadable: {which} could not be judged"
    if upgrades.savers < 2:
        return "no upgrade could be judged: this takes two releases that saved something"
    return "no upgrade keeps what was saved loadable"


def upgrades_to_json(found: Sequence[Upgrades]) -> dict[str, Any]:
    return {
        "upgrades": [
            {
                "repro": upgrades.repro,
                "device": upgrades.device,
                "stretches": [_stretch_to_json(stretch) for stretch in upgrades.stretches],
                "unjudged": upgrades.unjudged,
            }
            for upgrades in found
        ]
    }


def _stretch_to_json(stretch: Stretch) -> dict[str, Any]:
    return {
        "requirement": stretch.requirement.requirement,
        "releases": list(stretch.releases),
        "breaks": stretch.breaks or None,
        "saver": stretch.saver or None,
        "signature": stretch.signature or None,
    }


class _Square:
    """What the releases of a lane load of what each other saved."""

    def __init__(self, grid: Grid, rows: Sequence[Row], lane: Sequence[Column]) -> None:
        self._grid = grid
        self._lane = lane
        rows_of = {row.saver: row for row in rows}
        self._pairs = [
            (rows_of[column.tensorflow], column)
            for column in sorted(lane, key=lambda column: Version(column.tensorflow))
            if column.tensorflow in rows_of and self._saves(rows_of[column.tensorflow])
        ]
        self._rows = rows_of.values()

    def _saves(self, row: Row) -> bool:
        return any(self._grid.mark(row, column).finding is not None for column in self._lane)

    def upgrades(self, repro: str, device: str, known: Sequence[Version]) -> Upgrades:
        return Upgrades(
            repro=repro,
            device=device,
            stretches=tuple(self.stretches(known)),
            unjudged=self._unjudged(),
            savers=len(self._pairs),
        )

    def _unjudged(self) -> int:
        """A skip does not count: the release did not save, or cannot run here."""
        return sum(
            mark.verdict is not Verdict.SKIP and (mark.finding is None or bool(mark.votes))
            for row in self._rows
            for column in self._lane
            if Version(column.tensorflow) >= Version(row.saver)
            for mark in [self._grid.mark(row, column)]
        )

    def stretches(self, known: Sequence[Version]) -> Iterator[Stretch]:
        covered = 0
        for start in range(len(self._pairs)):
            end, breaks = self._end(start)
            if end > max(covered, start + 1):
                covered = end
                yield self._stretch(start, end, breaks, known)

    def _end(self, start: int) -> tuple[int, Optional[Row]]:
        """The end of the longest stretch from `start`, and whose files the release there cannot
        load."""
        for end in range(start, len(self._pairs)):
            loader = self._pairs[end][1]
            for row, _ in reversed(self._pairs[start : end + 1]):
                mark = self._grid.mark(row, loader)
                if mark.finding != PASS or mark.votes:
                    return end, row
        return len(self._pairs), None

    def _stretch(
        self, start: int, end: int, breaks: Optional[Row], known: Sequence[Version]
    ) -> Stretch:
        inside = tuple(column.tensorflow for _, column in self._pairs[start:end])
        measured = {Version(c.tensorflow): c.tensorflow in inside for _, c in self._pairs}
        requirement = narrowest_requirement(measured, known)
        assert requirement is not None
        if breaks is None:
            return Stretch(releases=inside, requirement=requirement)
        loader = self._pairs[end][1]
        entry = self._grid.entries.get(self._grid.mark(breaks, loader).letter)
        return Stretch(
            releases=inside,
            requirement=requirement,
            breaks=loader.tensorflow,
            saver=breaks.saver,
            signature=entry.signature if entry else "",
        )
