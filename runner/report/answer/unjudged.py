"""Explains why nothing was judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Optional

from runner.grid import Column, Row
from runner.machine.units import count
from runner.model import UNPREPARED, Verdict
from runner.report import style
from runner.report.answer.lane import MOST_REASON, ReproOnDevice
from runner.report.text import listed, shortened

MOST_REASONS = 2


def not_judged(lane: ReproOnDevice, cells: Iterable[tuple[Row, Column]], *, several: bool) -> str:
    """The verb: these cells are skipped, or could not be judged."""
    marks = (lane.mark(*cell) for cell in cells)
    verdicts = {mark.verdict for mark in marks if not mark.impossible and not mark.finding}
    if verdicts == {Verdict.SKIP}:
        return style.outcome_verb(Verdict.SKIP, several=several)
    return "could not be judged"


def why_unjudged(lane: ReproOnDevice, rows: Sequence[Row]) -> str:
    """`4 cells could not be measured (the disk is full), 2 cells are skipped (…)`."""
    reasons: dict[Optional[Verdict], list[str]] = defaultdict(list)
    for row in rows:
        for column in lane.columns:
            cell, mark = lane.grid.cell(row, column), lane.mark(row, column)
            if not mark.impossible:
                reasons[mark.verdict].append(
                    cell.outcome.reason.removeprefix(UNPREPARED) if cell else ""
                )
    return ", ".join(_unjudged_for(lane, verdict, found) for verdict, found in reasons.items())


def _unjudged_for(lane: ReproOnDevice, verdict: Optional[Verdict], reasons: Sequence[str]) -> str:
    words = style.WORDS[verdict]
    known = [reason for reason, _ in Counter(filter(None, reasons)).most_common()]
    said = listed([lane.quote(shortened(each, MOST_REASON)) for each in known], MOST_REASONS)
    many = f"{count(len(reasons), 'cell')} {words.one if len(reasons) == 1 else words.several}"
    return f"{many} ({said})" if said else many
