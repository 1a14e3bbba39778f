"""Describes releases in words: `from 2.16 on`, `on 1.12 to 2.15`. Names only measured releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from runner.grid import Column, neighbours, ranges, stretch
from runner.machine.units import count
from runner.model import Verdict
from runner.report.text import listed

MOST_RANGES = 6


def on_releases(columns: Sequence[Sequence[Column]], lane: Sequence[Column]) -> str:
    """`on 2.4, 2.6 to 2.8 and from 2.16 on`, for ranges of neighbouring columns.

    `from … on` is used only if the range ends at the newest release that exists.
    """
    parts = [part for stretch in columns for part in ranges(stretch)]
    last = parts[-1]
    goes_on = len(last) > 1 and last[-1] is lane[-1] and last[-1].newest
    fixed = [_range(part) for part in (parts[:-1] if goes_on else parts)]
    said = [f"on {listed(fixed, MOST_RANGES, 'more ranges')}"] if fixed else []
    return " and ".join([*said, *([f"from {last[0].label} on"] if goes_on else [])])


def on_all_releases(verdict: Optional[Verdict], lane: Sequence[Column]) -> str:
    """`on every release from 1.12 to 2.21`, `on both 2.4 and 2.9`, `on all 3 releases: …`."""
    if len(lane) == 1:
        return f"on {lane[0].label}"
    each = "any" if verdict in (Verdict.ERROR, None) else "every"
    if len(lane) == 2 and lane[1].gap:
        return f"on {'both ' if each == 'every' else ''}{lane[0].label} and {lane[1].label}"
    if len(ranges(lane)) == 1:
        return f"on {each} release from {stretch(lane, ' to ')}"
    which = listed([_range(part) for part in ranges(lane)], MOST_RANGES, "more ranges")
    all_ = "any of" if each == "any" else "all"
    return f"on {all_} {count(len(lane), 'release')}: {which}"


def spans(columns: Sequence[Column], lane: Sequence[Column]) -> str:
    """`2.15 and older`, `2.4`, `2.6 to 2.8 and 2.16 and newer`: releases as a subject.

    `and newer` is used only up to the newest release that exists.
    """
    parts = [part for group in neighbours(columns, lane) for part in ranges(group)]
    return listed([_span(part, lane) for part in parts], MOST_RANGES, "more ranges")


def _span(columns: Sequence[Column], lane: Sequence[Column]) -> str:
    first, last = columns[0], columns[-1]
    if first is last or (first is lane[0] and last is lane[-1]):
        return _range(columns)
    if first is lane[0]:
        return f"{last.label} and older"
    return f"{first.label} and newer" if last is lane[-1] and last.newest else _range(columns)


def _range(columns: Sequence[Column]) -> str:
    return stretch(columns, " to ")
