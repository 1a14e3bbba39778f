"""The answer in words: one sentence per repro on the releases in which it happens."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from attrs import frozen

from runner.grid import PASS, Column, Grid, Mark, Row, Transition, span
from runner.model import Verdict
from runner.report import style, totals, values
from runner.report.text import clean, clip, count, listed

Quote = Callable[[str], str]
"""How names and messages are set apart from the sentence: as code in Markdown, say."""

OURS = re.compile(r"(?:all|of) \d+ cases,? |both cases |on ")
"""How a sentence begins that does not begin with a name; a name keeps its letters as they are."""

MOST_CLAUSES = 3
"""Cases that behave in more ways than this are summed up."""
MOST_KINDS = 5
MOST_STRETCHES = 6
MOST_SIGNATURE = 90
MOST_NAME = 60
MOST_REPROS = 20
MOST_TURNS = 8


@frozen(kw_only=True)
class Stretch:
    """Neighbouring columns that show the same in one row."""

    verdict: Optional[Verdict]
    letter: str
    columns: tuple[Column, ...]


def answer(grid: Grid, quote: Quote = clean) -> str:
    """In which releases does this happen? A sentence per repro, on one line, bounded."""
    return " ".join(sentences(grid, quote))


def sentences(grid: Grid, quote: Quote = clean, most: int = MOST_REPROS) -> list[str]:
    """One for each repro, `most` of them; `quote` wraps what comes from outside."""
    if not any(verdict is not None for verdict in grid.counts):
        return ["Nothing was measured."]
    repros = list(grid.repros.items())
    said = [
        _sentence(grid, name, rows, quote, named=len(repros) > 1) for name, rows in repros[:most]
    ]
    left = len(repros) - most
    return [*said, f"{count(left, 'more repro')} in the grid."] if left > 0 else said


def _sentence(grid: Grid, repro: str, rows: Sequence[Row], quote: Quote, *, named: bool) -> str:
    lanes = grid.lanes
    parts = []
    for device, lane in lanes.items():
        where = f"on {quote(device)}, " if len(lanes) > 1 else ""
        parts.append(where + _on_lane(grid, repro, rows, lane, quote))
    whole = "; ".join(filter(None, [*parts, totals.caveats(grid, rows)]))
    if named and not (len(rows) == 1 and len(lanes) == 1):
        return f"{quote(clip(repro, MOST_NAME))}: {whole}."
    return f"{whole[:1].upper()}{whole[1:]}." if OURS.match(whole) else f"{whole}."


def _on_lane(
    grid: Grid, repro: str, rows: Sequence[Row], lane: Sequence[Column], quote: Quote
) -> str:
    alike = _alike(grid, rows, lane)
    if len(alike) > MOST_CLAUSES:
        return _summary(grid, rows, lane, quote)
    clauses = []
    for group in alike:
        subject = _subject(repro, group, len(rows), quote)
        clauses.append(f"{subject} {_predicate(grid, group, lane, quote)}")
    return "; ".join(clauses)


def _alike(grid: Grid, rows: Sequence[Row], lane: Sequence[Column]) -> list[list[Row]]:
    """Rows that show the same on every column of the lane, together."""
    groups: dict[tuple[tuple[Optional[Verdict], str], ...], list[Row]] = defaultdict(list)
    for row in rows:
        marks = (grid.mark(row, column) for column in lane)
        groups[tuple((mark.verdict, mark.letter) for mark in marks)].append(row)
    return list(groups.values())


def _subject(repro: str, group: Sequence[Row], of: int, quote: Quote) -> str:
    if of == 1:
        only = group[0].case
        return quote(clip(repro if only == "default" else only, MOST_NAME))
    if len(group) == of:
        return f"all {of} cases" if of > 2 else "both cases"
    return listed([quote(clip(row.case, MOST_NAME)) for row in group])


def _predicate(grid: Grid, group: Sequence[Row], lane: Sequence[Column], quote: Quote) -> str:
    """`passes on 2.4–2.15, fails on 2.16–2.21 (AttributeError: …)`: each of `group` does."""
    kinds: dict[tuple[Optional[Verdict], str], list[Stretch]] = defaultdict(list)
    for stretch in _stretches(grid, group[0], lane):
        kinds[(stretch.verdict, stretch.letter)].append(stretch)
    said = []
    for (verdict, _), stretches in list(kinds.items())[:MOST_KINDS]:
        words = style.WORDS[verdict]
        verb = words.one if len(group) == 1 else words.several
        where = _where(verdict, stretches, lane)
        why = _why(grid, group, stretches, quote)
        said.append(f"{verb} on {where}{why}")
    if len(kinds) > MOST_KINDS:
        said.append(f"and {count(len(kinds) - MOST_KINDS, 'more outcome')}")
    if len(kinds) == 1:
        said[-1] += values.shift_clause(grid, group, lane, quote)
    return ", ".join(said)


def _where(verdict: Optional[Verdict], stretches: Sequence[Stretch], lane: Sequence[Column]) -> str:
    if len(stretches[0].columns) == len(lane) > 1:
        return f"{'any' if verdict in (Verdict.ERROR, None) else 'every'} {_whole(lane)}"
    return listed([span(s.columns) for s in stretches], MOST_STRETCHES, "more ranges")


def _whole(lane: Sequence[Column]) -> str:
    if len(lane) == 1:
        return f"release, {span(lane)}"
    return f"release from {lane[0].label} to {lane[-1].label}"


def _why(grid: Grid, group: Sequence[Row], stretches: Sequence[Stretch], quote: Quote) -> str:
    """The signature or reason that all these cells share, if it says more than the verb."""
    verdict = stretches[0].verdict
    whys = {
        cell.outcome.signature or cell.outcome.reason
        for row in group
        for stretch in stretches
        for column in stretch.columns
        if (cell := grid.cell(row, column)) is not None
    }
    why = whys.pop() if len(whys) == 1 else ""
    if verdict is Verdict.PASS or why in ("", style.WORDS[verdict].label):
        return ""
    return f" ({quote(clip(why, MOST_SIGNATURE))})"


def _stretches(grid: Grid, row: Row, lane: Sequence[Column]) -> Iterator[Stretch]:
    start = 0
    marks = [grid.mark(row, column) for column in lane]
    for end in range(1, len(lane) + 1):
        if end == len(lane) or not _same(marks[end], marks[start]):
            yield Stretch(
                verdict=marks[start].verdict,
                letter=marks[start].letter,
                columns=tuple(lane[start:end]),
            )
            start = end


def _same(one: Mark, other: Mark) -> bool:
    return (one.verdict, one.letter) == (other.verdict, other.letter)


def _summary(grid: Grid, rows: Sequence[Row], lane: Sequence[Column], quote: Quote) -> str:
    """For cases that behave in many ways: how many pass where, and where most of them change."""
    findings = [[grid.mark(row, column).finding for column in lane] for row in rows]
    judged = [{finding for finding in found if finding} for found in findings]
    always = [found for found, kinds in zip(findings, judged) if kinds == {PASS}]
    never = sum(bool(kinds) and PASS not in kinds for kinds in judged)
    unjudged = sum(not kinds for kinds in judged)
    some = len(rows) - len(always) - never - unjudged
    where = f"on every {_whole(lane)}"
    if any(None in found for found in always):
        where += " that was measured" if grid.inferred else " that could be judged"
    many = {0: "none passes", 1: "1 passes"}.get(len(always), f"{len(always)} pass")
    verb = "" if always else " pass" if some > 1 else " passes"
    counts = [
        (1, f"{many} {where}"),
        (some, f"{some}{verb} on some"),
        (never, f"{never} on none"),
        (unjudged, f"{unjudged} could not be judged at all"),
    ]
    whole = f"of {len(rows)} cases, {listed([text for n, text in counts if n], 4)}"
    largest = _largest(grid, rows, lane)
    return whole if largest is None else f"{whole}; {_turn(grid, largest, quote)}"


def _largest(grid: Grid, rows: Sequence[Row], lane: Sequence[Column]) -> Optional[Transition]:
    """The transition at which most of `rows` change; of equals the newest."""
    here = [t for t in grid.transitions_of(rows) if t.before.device == lane[0].device]
    return max(reversed(here), key=lambda transition: len(transition.changes), default=None)


def _turn(grid: Grid, transition: Transition, quote: Quote) -> str:
    """`the largest change is from 2.15 to 2.16: 9 of 18, all from pass to D (KeyError: …)`."""
    (before, after), often = transition.tally[0]
    entry = grid.entries.get(after)
    why = f" ({quote(clip(entry.signature, MOST_SIGNATURE))})" if entry else ""
    total = len(transition.changes)
    share = "all" if often == total else f"{often} of them"
    return (
        f"the largest change is from {transition.before.label} to {transition.after.label}: "
        f"{total} of {transition.compared}, {share} from {before} to {after}{why}"
    )


def change_in_words(transition: Transition) -> str:
    """A transition in words that are all ours: `14 of 18 cases change, 12 × ✓ → D, 2 × ✓ → E`."""
    before, after = transition.before, transition.after
    verb = "changes" if transition.compared == 1 else "change"
    kinds = [
        (number, f"{style.finding(old)} → {style.finding(new)}")
        for (old, new), number in transition.tally
    ]
    what = ", ".join(f"{number} × {kind}" for number, kind in kinds[:MOST_TURNS])
    what += f" and {len(kinds) - MOST_TURNS} other changes" if len(kinds) > MOST_TURNS else ""
    words = f"{len(transition.changes)} of {count(transition.compared, 'case')} {verb}, "
    words += kinds[0][1] if len(kinds) == 1 else what
    if transition.between:
        words += f"; not judged on {span(transition.between)}"
    if before.python != after.python:
        words += f"; Python {clean(before.python)} → {clean(after.python)} too"
    return words
