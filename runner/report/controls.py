"""Describes what controls found: whether TensorFlow caused a change between two releases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from runner.grid import Control, Grid, Row, Transition
from runner.model import Verdict
from runner.report import style
from runner.report.names import short_names
from runner.report.text import clean, listed, shortened

Quote = Callable[[str], str]

MOST = 3
MOST_NAMED = 2
MOST_REASON = 90


def control_clauses(transition: Transition, quote: Quote = clean) -> str:
    """Its controls as text: `; 2.8 on Python 3.8: passes as on 3.10; 2.7 on Python 3.10: …`.

    If not all cases that change have the same, it names those that do. `quote` makes text from
    outside safe.
    """
    said = _by_words(transition.controls, lambda each: f"{_name(each)}: {_found(each, quote)}")
    cases = [_cases(transition, found, quote) for found in said.values()]
    return "".join(f"; {words}{f' ({who})' if who else ''}" for words, who in zip(said, cases))


def _by_words(
    controls: Iterable[Control], words: Callable[[Control], str]
) -> dict[str, list[Control]]:
    """The controls of which the same is said, together."""
    found: dict[str, list[Control]] = defaultdict(list)
    for each in controls:
        found[words(each)].append(each)
    return found


def _cases(transition: Transition, controls: Sequence[Control], quote: Quote) -> str:
    """The names of the controls' cases, or their number; empty if these are all that change."""
    names = dict.fromkeys(each.row.case for each in controls)
    changed = {change.row.case for change in transition.changes}
    if names.keys() == changed:
        return ""
    if len(names) > MOST_NAMED:
        return f"{len(names)} of the {len(changed)} cases"
    return listed(list(map(quote, short_names(names))))


def _name(control: Control) -> str:
    return f"{clean(control.column.label)} {_preposition(control)} {_swapped(control)}"


def _preposition(control: Control) -> str:
    return "on" if control.what == "Python" else "with"


def _swapped(control: Control) -> str:
    return clean(f"{control.what} {control.version}")


def _found(control: Control, quote: Quote) -> str:
    outcome = control.result.outcome
    if outcome.verdict is Verdict.SKIP:
        return "not available"
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


def remarks(grid: Grid, rows: Sequence[Row], quote: Quote = clean) -> Iterator[str]:
    """One sentence for each change that has controls."""
    for transition in grid.transitions_of(rows):
        judged = [each for each in transition.controls if each.judged]
        said = [
            _remark_on(cases, alike) if (cases := _cases(transition, alike, quote)) else words
            for words, alike in _by_words(judged, _remark).items()
        ]
        if said:
            yield "; ".join(said[:MOST])


def _remark(control: Control) -> str:
    """`2.8 passes on Python 3.8 too`, `2.8 passes on Python 3.8 as 2.7 does: the change is …`."""
    verb = style.outcome_verb(control.result.outcome.verdict)
    where = f"{_preposition(control)} {_swapped(control)}"
    label = clean(control.column.label)
    if control.as_usual:
        return f"{label} {verb} {where} too"
    if control.as_other:
        other = clean(control.other.label)
        return f"{label} {verb} {where} as {other} does: {_theirs(control)}"
    return f"{label} {verb} otherwise {where}, so the change may be {control.what}'s"


def _remark_on(cases: str, controls: Sequence[Control]) -> str:
    """`test_sums passes on 2.8 with Python 3.8 too`: of these cases only."""
    control, several = controls[0], len({each.row.case for each in controls}) > 1
    verb = style.outcome_verb(control.result.outcome.verdict, several=several)
    where = f"on {clean(control.column.label)} with {_swapped(control)}"
    if control.as_usual:
        return f"{cases} {verb} {where} too"
    if control.as_other:
        return f"{cases} {verb} {where} as on {clean(control.other.label)}: {_theirs(control)}"
    return f"{cases} {verb} otherwise {where}, so the change may be {control.what}'s"
