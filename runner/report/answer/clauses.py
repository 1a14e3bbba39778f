"""Clauses for cases that behave in few ways: one for each way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Optional

from runner.cells.classify import HUNG
from runner.grid import Column, Row
from runner.grid.names import globs
from runner.machine.units import count
from runner.model import UNPREPARED, Outcome, Verdict
from runner.report import places, style, values
from runner.report.answer.lane import MOST_REASON, MOST_SIGNATURE, ReproOnDevice
from runner.report.names import short_name, short_names
from runner.report.text import listed, shortened

MOST_NAMED = 3
"""Cases that need more names and globs than this are counted, not named."""
MOST_KINDS = 5

Finding = tuple[Optional[Verdict], str]
"""A verdict and its letter."""


def rows_alike(lane: ReproOnDevice) -> list[list[Row]]:
    """Groups of rows that show the same on every column of the lane."""
    groups: dict[tuple[Finding, ...], list[Row]] = defaultdict(list)
    for row in lane.rows:
        marks = (lane.mark(row, column) for column in lane.columns)
        groups[tuple((mark.verdict, mark.letter) for mark in marks)].append(row)
    return list(groups.values())


def clause(lane: ReproOnDevice, group: Sequence[Row]) -> str:
    subject = _subject(lane, group)
    parts = predicates(lane, group)
    return f"{subject} {', '.join(parts)}" if subject else "; ".join(parts)


def _subject(lane: ReproOnDevice, group: Sequence[Row]) -> str:
    """The subject of the clause; "" if there is only one script with one case."""
    if len(lane.rows) == 1:
        only = group[0].case
        return "" if only == "default" else lane.quote(short_name(only))
    if len(group) == len(lane.rows):
        return f"all {len(group)} cases" if len(group) > 2 else "both cases"
    names = globs([row.case for row in group], [row.case for row in lane.rows])
    if len(names) > MOST_NAMED:
        return f"{len(group)} of {len(lane.rows)} cases"
    return listed(list(map(lane.quote, short_names(names)))) + (
        f" ({len(group)})" if len(names) < len(group) else ""
    )


def predicates(lane: ReproOnDevice, group: Sequence[Row]) -> list[str]:
    """`fails from 2.16 on (AttributeError: …)`, `passes on 1.12 to 2.15`: failures come first."""
    kinds: dict[Finding, list[list[Column]]] = defaultdict(list)
    before: Optional[Finding] = None
    for column in lane.columns:
        mark = lane.mark(group[0], column)
        if mark.impossible:
            continue
        kind = (mark.verdict, mark.letter)
        if kind != before:
            kinds[kind].append([])
        kinds[kind][-1].append(column)
        before = kind
    ordered = sorted(kinds.items(), key=lambda item: _rank(item[0][0]))
    kept = ordered[:MOST_KINDS]
    passing = [item for item in ordered if item[0][0] is Verdict.PASS]
    if passing and passing[0] not in kept:
        kept[-1] = passing[0]
    said = [_predicate(lane, group, verdict, on) for (verdict, _), on in kept]
    if len(kinds) > MOST_KINDS:
        said.append(f"and {count(len(kinds) - MOST_KINDS, 'more outcome')}")
    if len(kinds) == 1:
        said[-1] += values.shift_clause(lane.grid, group, lane.columns, lane.quote)
    return said


def _rank(verdict: Optional[Verdict]) -> int:
    if verdict is None or not verdict.judged:
        return 2
    return 1 if verdict is Verdict.PASS else 0


def _predicate(
    lane: ReproOnDevice,
    group: Sequence[Row],
    verdict: Optional[Verdict],
    stretches: Sequence[Sequence[Column]],
) -> str:
    there = [column for column in lane.columns if not lane.mark(group[0], column).impossible]
    if sum(map(len, stretches)) == len(there):
        where = places.on_all_releases(verdict, there)
    else:
        where = places.on_releases(stretches, lane.columns)
    outcomes = {
        cell.outcome
        for row in group
        for stretch in stretches
        for column in stretch
        if (cell := lane.grid.cell(row, column)) is not None
    }
    why = _why(lane, verdict, outcomes)
    verb = _verb(lane, verdict, len(group), outcomes, why)
    return f"{verb} {where}{f' ({why})' if why else ''}"


def _verb(
    lane: ReproOnDevice,
    verdict: Optional[Verdict],
    cases: int,
    outcomes: Collection[Outcome],
    why: str,
) -> str:
    """The verb; for an exceeded limit, with the limit."""
    one = cases == 1
    if verdict is Verdict.TIMEOUT and not why:
        hung = [outcome.reason.startswith(HUNG) for outcome in outcomes]
        if hung and all(hung):
            return "hangs" if one else "hang"
        most = "at most " if any(hung) else ""
        return f"{'is' if one else 'are'} stopped after {most}{lane.limits.timeout:g} s"
    if verdict is Verdict.OOM and not why:
        return f"{'needs' if one else 'need'} over {lane.limits.memory:,} MiB".replace(",", "")
    return style.outcome_verb(verdict, several=not one)


def _why(lane: ReproOnDevice, verdict: Optional[Verdict], outcomes: Collection[Outcome]) -> str:
    """The signature or reason that all these cells share, if it says more than the verb."""
    whys = {_told(outcome) for outcome in outcomes}
    why = whys.pop() if len(whys) == 1 else ""
    if verdict is Verdict.PASS or why in ("", style.WORDS[verdict].label):
        return ""
    most = MOST_REASON if verdict is Verdict.ERROR else MOST_SIGNATURE
    return lane.quote(shortened(why, most))


def _told(outcome: Outcome) -> str:
    """The signature, or the reason if that starts with it: `killed for disk, over 64 MiB`."""
    signature = outcome.signature or outcome.reason
    told = outcome.reason if outcome.reason.startswith(signature) else signature
    return told.removeprefix(UNPREPARED) if outcome.verdict is Verdict.ERROR else told
