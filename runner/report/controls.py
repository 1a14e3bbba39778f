"""Describes what controls found: whether TensorFlow caused a change between two releases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from runner.grid import Control, Grid, Row
from runner.model import Outcome, Verdict
from runner.report import style
from runner.report.text import clean, listed, shortened

Quote = Callable[[str], str]

MOST = 3
MOST_REASON = 90


def in_words(controls: Iterable[Control], quote: Quote = clean) -> str:
    """The controls as text: `; 2.8 on Python 3.8: passes as on 3.10; 2.7 on Python 3.10: …`.

    `quote` makes text from outside safe.
    """
    said = dict.fromkeys(f"; {_name(each)}: {_found(each, quote)}" for each in controls)
    return "".join(said)


def _name(control: Control) -> str:
    return f"{clean(control.column.label)} {_preposition(control)} {_swapped(control)}"


def _preposition(control: Control) -> str:
    return "on" if control.what == "Python" else "with"


def _swapped(control: Control) -> str:
    return clean(f"{control.what} {control.version}")


def _found(control: Control, quote: Quote) -> str:
    outcome = control.result.outcome
    if outcome.verdict is Verdict.SKIP:
        return "cannot be had"
    if not outcome.verdict.judged:
        return f"could not be measured ({quote(shortened(outcome.reason, MOST_REASON))})"
    verb = style.outcome_verb(outcome.verdict)
    if control.as_usual:
        return f"{verb} as {_preposition(control)} {clean(control.usual)}"
    if control.as_other:
        return f"{verb} as {clean(control.other.label)} does: {_theirs(control)}"
    return f"{verb} otherwise"


def _theirs(control: Control) -> str:
    whose = "Python's" if control.what == "Python" else f"{clean(control.what)}'s"
    return f"the change is {whose}, not TensorFlow's"


def remarks(grid: Grid, rows: Sequence[Row]) -> Iterator[str]:
    """One sentence for each change that has controls."""
    for transition in grid.transitions_of(rows):
        judged = [each for each in transition.controls if each.judged]
        said = list(dict.fromkeys(filter(None, map(_remark, judged))))
        if said:
            yield listed(said, MOST)


def _remark(control: Control) -> str:
    """`2.8 passes on Python 3.8 too`, `2.8 fails on Python 3.8 too: the change is Python's …`."""
    verb = _verb(control.result.outcome)
    where = f"{_preposition(control)} {_swapped(control)}"
    label = clean(control.column.label)
    if control.as_usual:
        return f"{label} {verb} {where} too"
    if control.as_other:
        other = clean(control.other.label)
        return f"{label} {verb} {where} as {other} does: {_theirs(control)}"
    return f"{label} {verb} otherwise {where}, so the change may be {control.what}'s"


def _verb(outcome: Outcome) -> str:
    return style.outcome_verb(outcome.verdict)
