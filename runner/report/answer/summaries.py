"""Summaries of cases that behave in many ways: how many pass, and where most of them change."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Optional

from runner.grid import PASS, Transition
from runner.machine.units import count
from runner.model import Verdict
from runner.report import places, style
from runner.report.answer.lane import MOST_SIGNATURE, ReproOnDevice
from runner.report.answer.unjudged import not_judged
from runner.report.text import listed, shortened


def summary(lane: ReproOnDevice, main: Optional[Transition]) -> str:
    """How many cases pass where, and the change that most of them share."""
    findings = [lane.findings(row, lane.columns) for row in lane.rows]
    always = [row for row, kinds in zip(lane.rows, findings) if kinds == {PASS}]
    never = sum(bool(kinds) and PASS not in kinds for kinds in findings)
    without = [row for row, kinds in zip(lane.rows, findings) if not kinds]
    unjudged = len(without)
    left_out = not_judged(lane, product(without, lane.columns), several=unjudged > 1)
    some = len(lane.rows) - len(always) - never - unjudged
    if len(lane.columns) == 1:
        ends = [
            (len(always), style.outcome_verb(Verdict.PASS, several=len(always) > 1)),
            (never, style.outcome_verb(Verdict.FAIL, several=never > 1)),
            (unjudged, left_out),
        ]
        said = listed([f"{number} {end}" for number, end in ends if number])
        return f"on {lane.columns[0].label}, of {len(lane.rows)} cases {said}"
    where = places.on_all_releases(Verdict.PASS, lane.columns)
    if any(lane.mark(*at).finding is None for at in product(always, lane.columns)):
        where += " that was measured" if lane.grid.inferred else " that could be judged"
    many = {0: "none passes", 1: "1 passes"}.get(len(always), f"{len(always)} pass")
    verb = "" if always else " pass" if some > 1 else " passes"
    counts = [
        (1, f"{many} {where}"),
        (some, f"{some}{verb} on some"),
        (never, f"{never} on none"),
        (unjudged, f"{unjudged} {left_out}"),
    ]
    whole = f"of {len(lane.rows)} cases, {listed([text for n, text in counts if n], 4)}"
    return whole if main is None else f"{whole}; {_change(lane, main)}"


def _change(lane: ReproOnDevice, main: Transition) -> str:
    """`the largest change is from 2.15 to 2.16: 9 of 18 cases, all to KeyError: …`."""
    after, often = Counter(change.after for change in main.changes).most_common(1)[0]
    entry = lane.grid.entries.get(after)
    what = lane.quote(shortened(entry.signature, MOST_SIGNATURE)) if entry else "pass"
    total = len(main.changes)
    share = "all" if often == total else f"{often} of them"
    return (
        f"the largest change is from {main.before.label} to {main.after.label}: "
        f"{total} of {count(main.compared, 'case')}"
        + (f", {share} to {what}" if often > 1 or total == 1 else "")
    )
