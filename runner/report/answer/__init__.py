"""The answer in words: where it changes, for how many cases, and why. A sentence per repro.

The grammar, by how a repro's cases behave on one device:

    nothing judged     Nothing was judged: WHY.
    saved files        RELEASES cannot load what RELEASES saved (WHY); N of M pairs load
    few ways           [CASES] VERB WHERE (WHY); VERB WHERE …
    one turning point  WHERE-ON N of M cases fail (K on THE RELEASE BEFORE), because WHY
    many ways          Of M cases, N pass on every release …; the largest change is …
    variants           …; with VARIANT all M end as on RELEASE | as without it
    devices            on cpu and cuda, …; devices on which it is otherwise have their own clause
    remarks            …; 2.8 passes on Python 3.8 too; N of M cells are inferred; N cells are flaky

tests/unit/test_report_answer.py has an example of each. Only measured cells support a claim.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Optional

from runner.grid import Column, Grid, Row, Transition
from runner.machine.units import count
from runner.model import NO_TENSORFLOW, Limits
from runner.report import controls, reported, style, totals
from runner.report.answer.clauses import clause, rows_alike
from runner.report.answer.exchanges import exchange_clauses, is_square
from runner.report.answer.lane import MOST_NAME, Quote, ReproOnDevice
from runner.report.answer.summaries import summary
from runner.report.answer.turning_points import largest_change, turning_point
from runner.report.answer.unjudged import why_unjudged
from runner.report.answer.variants import variant_clauses
from runner.report.text import clean, listed, shortened

MOST_CLAUSES = 3
"""Cases that behave in more ways than this are summarised."""
MOST_REPROS = 20


def answer(grid: Grid, quote: Quote = clean) -> str:
    """The answer in one bounded line: a sentence for each repro."""
    return " ".join(sentences(grid, quote))


def sentences(grid: Grid, quote: Quote = clean, most: int = MOST_REPROS) -> list[str]:
    """One sentence for each repro, at most `most`. `quote` wraps text from outside."""
    if not any(verdict is not None for verdict in (*grid.counts, *grid.inferred)):
        return ["Nothing was measured."]
    repros = list(grid.repros.items())
    several = len(repros) > 1
    said = [_sentence(grid, name, rows, quote, named=several) for name, rows in repros[:most]]
    left = len(repros) - most
    said += [f"{count(left, 'more repro')} in the grid."] if left > 0 else []
    return [*said, *reported.reported_sentences(grid, quote)]


def _sentence(grid: Grid, repro: str, rows: Sequence[Row], quote: Quote, *, named: bool) -> str:
    lanes = grid.lanes
    told: dict[str, list[str]] = defaultdict(list)
    for device, columns in lanes.items():
        told[_on_lane(_lane(grid, repro, rows, columns, quote))].append(quote(device))
    several = len(lanes) > 1
    parts = [f"on {listed(on)}, {clause}" if several else clause for clause, on in told.items()]
    parts += [_fixed(grid), *controls.remarks(grid, rows, quote), totals.caveats(grid, rows)]
    whole = "; ".join(filter(None, parts))
    if named:
        return f"{quote(shortened(repro, MOST_NAME))}: {whole}."
    return f"{whole[:1].upper()}{whole[1:]}." if whole.startswith(_OURS) else f"{whole}."


def _fixed(grid: Grid) -> str:
    """The TensorFlow releases, if the columns vary another package; else ""."""
    if not grid.run.info.along:
        return ""
    releases = dict.fromkeys(column.tensorflow for column in grid.columns)
    if NO_TENSORFLOW in releases:
        return "all without TensorFlow"
    return f"all with TensorFlow {listed(list(releases))}"


_OURS = (
    *("all ", "both ", "of ", "on ", "from ", "nothing ", "every ", "each ", "no release "),
    *(verb for words in style.WORDS.values() for verb in (words.one, words.several)),
    *("hangs ", "is stopped ", "needs over "),
)
"""Sentences that begin with these words get a capital letter. Names keep theirs as it is."""


def _lane(
    grid: Grid, repro: str, rows: Sequence[Row], columns: Sequence[Column], quote: Quote
) -> ReproOnDevice:
    usual = tuple(row for row in rows if not row.variant)
    limits = next((r.limits for r in grid.run.repros if r.name == repro), Limits())
    return ReproOnDevice(
        grid=grid,
        rows=usual or tuple(rows),
        variants=tuple(row for row in rows if row.variant) if usual else (),
        columns=tuple(columns),
        limits=limits,
        quote=quote,
    )


def _on_lane(lane: ReproOnDevice) -> str:
    main = largest_change(lane)
    return "; ".join([_usual_way(lane, main), *variant_clauses(lane, main)])


def _usual_way(lane: ReproOnDevice, main: Optional[Transition]) -> str:
    marks = [lane.mark(row, column) for row in lane.rows for column in lane.columns]
    if not any(mark.verdict and mark.verdict.judged for mark in marks):
        return f"nothing was judged: {why_unjudged(lane, lane.rows)}"
    if is_square(lane):
        return exchange_clauses(lane)
    alike = rows_alike(lane)
    if len(alike) <= MOST_CLAUSES:
        return "; ".join(clause(lane, group) for group in alike)
    return (turning_point(lane, main) if main else "") or summary(lane, main)
