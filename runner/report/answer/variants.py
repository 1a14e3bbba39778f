"""Says whether a variant ends as the cases without it do, or as they did before the change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Optional

from runner.grid import Row, Transition
from runner.machine.units import count
from runner.report.answer.clauses import predicates
from runner.report.answer.lane import MOST_NAME, ReproOnDevice
from runner.report.answer.unjudged import why_unjudged
from runner.report.names import short_name
from runner.report.text import shortened

MOST_VARIANTS = 3


def variant_clauses(lane: ReproOnDevice, main: Optional[Transition]) -> Iterator[str]:
    """A clause for each variant, such as `with keras=legacy all 3 end as on 2.15`."""
    named: dict[str, list[Row]] = defaultdict(list)
    for row in lane.variants:
        if any(not lane.mark(row, column).impossible for column in lane.columns):
            named[row.variant].append(row)
    for name, rows in list(named.items())[:MOST_VARIANTS]:
        yield f"with {lane.quote(shortened(name, MOST_NAME))} {_variant(lane, rows, main)}"
    if len(named) > MOST_VARIANTS:
        yield f"{count(len(named) - MOST_VARIANTS, 'more variant')} in the grid"


def _variant(lane: ReproOnDevice, rows: Sequence[Row], main: Optional[Transition]) -> str:
    usual = {row.base: row for row in lane.rows}
    pairs = [(row, usual[row.base]) for row in rows if row.base in usual]
    judged = [pair for pair in pairs if lane.findings(pair[0], lane.columns)]
    if not judged:
        return f"nothing was judged: {why_unjudged(lane, rows)}"
    alike = sum(_as_usual(lane, row, other) for row, other in judged)
    before = sum(_as_before(lane, row, other, main) for row, other in judged) if main else 0
    how = f"as on {main.before.label}" if main and before > alike else "as without it"
    many, total = max(alike, before), len(judged)
    if any(_unjudged(lane, *pair) for pair in pairs):
        how += " where it could be judged" if total == 1 else " where they could be judged"
    if total == 1:
        only = judged[0][0]
        who = "it" if len(lane.rows) == 1 else lane.quote(short_name(only.base))
        return f"{who} ends {how}" if many else f"{who} {', '.join(predicates(lane, [only]))}"
    all_ = "both" if total == 2 else f"all {total}"
    verb = "ends" if many == 1 else "end"
    return f"{all_ if many == total else f'{many} of {total}'} {verb} {how}"


def _unjudged(lane: ReproOnDevice, row: Row, usual: Row) -> bool:
    """Whether there is a release on which the usual way was judged, and the variant was not."""
    marks = ((lane.mark(row, column), lane.mark(usual, column)) for column in lane.columns)
    return any(
        not mark.impossible and not mark.inferred and not mark.measured and other.measured
        for mark, other in marks
    )


def _as_usual(lane: ReproOnDevice, row: Row, usual: Row) -> bool:
    """Whether the row ended as the row without the variant, wherever both were measured."""
    pairs = [(lane.mark(row, c).finding, lane.mark(usual, c).finding) for c in lane.columns]
    both = [(one, other) for one, other in pairs if one and other]
    return bool(both) and all(one == other for one, other in both)


def _as_before(lane: ReproOnDevice, row: Row, usual: Row, main: Optional[Transition]) -> bool:
    """Whether the row, wherever measured, ended as the row without the variant did earlier."""
    if main is None:
        return False
    return lane.findings(row, lane.columns) == {lane.mark(usual, main.before).finding}
