"""Describes a transition in words."""

from __future__ import annotations

from runner.grid import Transition, release_range
from runner.machine.units import count
from runner.report import style
from runner.report.text import clean

MOST_CHANGES = 8


def change_in_words(transition: Transition) -> str:
    """`14 of 18 cases change, 12 × ✓ → D, 2 × ✓ → E`. It contains no text from outside."""
    before, after = transition.before, transition.after
    kinds = [
        (number, f"{style.finding_glyph(old)} → {style.finding_glyph(new)}")
        for (old, new), number in transition.tally
    ]
    what = ", ".join(f"{number} × {kind}" for number, kind in kinds[:MOST_CHANGES])
    what += f" and {len(kinds) - MOST_CHANGES} other changes" if len(kinds) > MOST_CHANGES else ""
    verb = "changes" if len(transition.changes) == 1 else "change"
    changed = f"{len(transition.changes)} of {count(transition.compared, 'case')} {verb}"
    words = "the case changes, " if transition.compared == 1 else f"{changed}, "
    words += kinds[0][1] if len(kinds) == 1 else what
    if transition.between:
        words += f"; not judged on {release_range(transition.between)}"
    if before.python != after.python:
        words += f"; Python {clean(before.python)} → {clean(after.python)} too"
    return words
