"""Finds the release at which cases start to fail or to pass, and the cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Optional

from runner.grid import PASS, Column, Row, Transition, neighbours
from runner.machine.units import count
from runner.report import places
from runner.report.answer.lane import MOST_SIGNATURE, ReproOnDevice
from runner.report.answer.unjudged import not_judged
from runner.report.because import cause_clause
from runner.report.text import shortened


def largest_change(lane: ReproOnDevice) -> Optional[Transition]:
    """The transition at which most cases change; the newest one if several are equal."""
    device = lane.columns[0].device
    here = [t for t in lane.grid.transitions_of(lane.rows) if t.before.device == device]
    return max(reversed(here), key=lambda transition: len(transition.changes), default=None)


def turning_point(lane: ReproOnDevice, main: Transition) -> str:
    """`from 2.16 on 20 of 36 cases fail (10 on 2.15), 12 of them because …`.

    Empty if a case both passes and fails from there on, or if as many cases fail as before.
    A release on which none of them could be judged is not claimed.
    """
    later = lane.columns[lane.columns.index(main.after) :]
    found = {row.index: lane.findings(row, later) for row in lane.rows}
    judged = [row for row in lane.rows if found[row.index]]
    passing = [row for row in judged if found[row.index] == {PASS}]
    failing = [row for row in judged if PASS not in found[row.index]]
    if len(passing) + len(failing) != len(judged):
        return ""
    earlier = _failing_on(lane, main.before)
    if len(earlier) == len(failing):
        return ""
    known = [column for column in later if any(_judged(lane, row, column) for row in judged)]
    where, total = places.on_releases(neighbours(known, later), lane.columns), len(judged)
    where += "," if where[-1].isdigit() else ""
    rest = "".join(f"; {each}" for each in _unjudged(lane, judged, known, later))
    if not failing:
        why = _shared_cause(lane, earlier, [main.before], main)
        failed = f"{len(earlier)} {'fails' if len(earlier) == 1 else 'fail'}{why}"
        return f"{where} all {total} cases pass; on {main.before.label}, {failed}{rest}"
    many = f"all {total}" if len(failing) == total else f"{len(failing)} of {total}"
    verb = "fails" if len(failing) == 1 else "fail"
    before = f" ({len(earlier) or 'none'} on {main.before.label})"
    return f"{where} {many} cases {verb}{before}{_shared_cause(lane, failing, later, main)}{rest}"


def _judged(lane: ReproOnDevice, row: Row, column: Column) -> bool:
    """Whether the cell was judged, be it by inference."""
    verdict = lane.mark(row, column).verdict
    return verdict is not None and verdict.judged


def _unjudged(
    lane: ReproOnDevice, rows: Sequence[Row], known: Sequence[Column], later: Sequence[Column]
) -> Iterator[str]:
    """What the claim leaves out: cases, cells of the others, releases."""
    cases = [row for row in lane.rows if row not in rows]
    if cases:
        verb = not_judged(lane, product(cases, later), several=len(cases) > 1)
        yield f"{count(len(cases), 'case')} {verb} there"
    there = product(rows, known)
    cells = [at for at in there if not lane.mark(*at).impossible and not _judged(lane, *at)]
    if cells:
        verb = not_judged(lane, cells, several=len(cells) > 1)
        yield f"{count(len(cells), 'cell')} there {verb}"
    left = [column for column in later if column not in known]
    if left:
        where = places.on_releases(neighbours(left, later), lane.columns)
        yield f"nothing could be judged {where}"


def _failing_on(lane: ReproOnDevice, column: Column) -> list[Row]:
    marks = [(row, lane.mark(row, column).finding) for row in lane.rows]
    return [row for row, finding in marks if finding not in (None, PASS)]


def _shared_cause(
    lane: ReproOnDevice, rows: Sequence[Row], columns: Sequence[Column], main: Transition
) -> str:
    """What most cases show: `, because Keras 3 has no …`, `, 12 of them with KeyError: 'x'`."""
    shown = Counter(
        finding
        for row in rows
        if len(kinds := lane.findings(row, columns)) == 1
        for finding in kinds
    )
    if not shown:
        return ""
    letter, often = shown.most_common(1)[0]
    if often == 1 < len(rows):
        return ""
    signature = lane.grid.entries[letter].signature
    share = "" if often == len(rows) else f"{often} of them "
    cause = cause_clause(lane.grid, signature, main.before, main.after, lane.quote)
    return f", {share}" + (
        f"because {cause}" if cause else f"with {lane.quote(shortened(signature, MOST_SIGNATURE))}"
    )
