"""The answer in words: where it changes, for how many cases, and why. A sentence per repro.

The grammar, by how a repro's cases behave on one device:

    nothing judged     Nothing was judged: WHY.
    few ways           [CASES] VERB WHERE (WHY); VERB WHERE …
    one turning point  WHERE-ON N of M cases fail (K on THE RELEASE BEFORE), because WHY
    many ways          Of M cases, N pass on every release …; the largest change is …
    variants           …; with VARIANT all M end as on RELEASE | as without it
    remarks            …; 2.8 passes on Python 3.8 too; N of M cells are inferred; N cells are flaky

tests/unit/test_report_answer.py has an example of each. Only measured cells support a claim.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Optional

from attrs import frozen

from runner.cells.classify import HUNG
from runner.grid import PASS, Column, Grid, Mark, Row, Transition, release_range
from runner.grid.names import globs
from runner.machine.units import count
from runner.model import Limits, Outcome, Verdict
from runner.report import controls, places, reported, style, totals, values
from runner.report.because import because
from runner.report.names import short_name, short_names
from runner.report.text import clean, listed, shortened

Quote = Callable[[str], str]
"""How names and messages are set apart from the sentence: as code in Markdown, say."""

MOST_CLAUSES = 3
"""Cases that behave in more ways than this are summed up."""
MOST_NAMED = 3
"""Cases of more names and globs than this are counted, not named."""
MOST_KINDS = 5
MOST_REASONS = 2
MOST_SIGNATURE = 90
MOST_NAME = 60
MOST_REPROS = 20
MOST_CHANGES = 8
MOST_VARIANTS = 3

Finding = tuple[Optional[Verdict], str]
"""A verdict and its letter."""


@frozen(kw_only=True)
class ReproOnDevice:
    """What a sentence is made from: the cases of one repro on the releases of one device."""

    grid: Grid
    rows: tuple[Row, ...]
    """In the usual way; of a repro without one, all."""
    variants: tuple[Row, ...]
    columns: tuple[Column, ...]
    limits: Limits
    quote: Quote

    def mark(self, row: Row, column: Column) -> Mark:
        return self.grid.mark(row, column)

    def findings(self, row: Row, columns: Sequence[Column]) -> set[str]:
        """What was measured of a case on some releases."""
        found = (self.mark(row, column).finding for column in columns)
        return {finding for finding in found if finding is not None}


def answer(grid: Grid, quote: Quote = clean) -> str:
    """In which releases does this happen? A sentence per repro, on one line, bounded."""
    return " ".join(sentences(grid, quote))


def sentences(grid: Grid, quote: Quote = clean, most: int = MOST_REPROS) -> list[str]:
    """One for each repro, `most` of them; `quote` wraps what comes from outside."""
    if not any(verdict is not None for verdict in (*grid.counts, *grid.inferred)):
        return ["Nothing was measured."]
    repros = list(grid.repros.items())
    several = len(repros) > 1
    said = [_sentence(grid, name, rows, quote, named=several) for name, rows in repros[:most]]
    left = len(repros) - most
    said += [f"{count(left, 'more repro')} in the grid."] if left > 0 else []
    return [*said, *reported.sentences(grid, quote)]


def _sentence(grid: Grid, repro: str, rows: Sequence[Row], quote: Quote, *, named: bool) -> str:
    lanes = grid.lanes
    parts = []
    for device, columns in lanes.items():
        where = f"on {quote(device)}, " if len(lanes) > 1 else ""
        parts.append(where + _on_lane(_lane(grid, repro, rows, columns, quote)))
    parts += [_fixed(grid), *controls.remarks(grid, rows), totals.caveats(grid, rows)]
    whole = "; ".join(filter(None, parts))
    if named:
        return f"{quote(shortened(repro, MOST_NAME))}: {whole}."
    return f"{whole[:1].upper()}{whole[1:]}." if whole.startswith(_OURS) else f"{whole}."


def _fixed(grid: Grid) -> str:
    """Along another axis, what TensorFlow was."""
    if not grid.run.info.along:
        return ""
    releases = dict.fromkeys(column.tensorflow for column in grid.columns)
    return f"all with TensorFlow {listed(list(releases))}"


_OURS = (
    *("all ", "both ", "of ", "on ", "from ", "nothing "),
    *(verb for words in style.WORDS.values() for verb in (words.one, words.several)),
    *("hangs ", "is stopped ", "needs over "),
)
"""How a sentence begins that does not begin with a name; a name keeps its letters as they are."""


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
    main = _largest_change(lane)
    return "; ".join([_usual_way(lane, main), *_variants(lane, main)])


def _usual_way(lane: ReproOnDevice, main: Optional[Transition]) -> str:
    marks = [lane.mark(row, column) for row in lane.rows for column in lane.columns]
    if not any(mark.verdict and mark.verdict.judged for mark in marks):
        return f"nothing was judged: {_unjudged(lane, lane.rows)}"
    alike = _alike(lane)
    if len(alike) <= MOST_CLAUSES:
        return "; ".join(_clause(lane, group) for group in alike)
    return (_turning_point(lane, main) if main else "") or _summary(lane, main)


def _unjudged(lane: ReproOnDevice, rows: Sequence[Row]) -> str:
    """`4 cells could not be measured (the disk is full), 2 cells are skipped (…)`."""
    reasons: dict[Optional[Verdict], list[str]] = defaultdict(list)
    for row in rows:
        for column in lane.columns:
            cell, mark = lane.grid.cell(row, column), lane.mark(row, column)
            if not mark.impossible:
                reasons[mark.verdict].append(cell.outcome.reason if cell else "")
    return ", ".join(_unjudged_for(lane, verdict, found) for verdict, found in reasons.items())


def _unjudged_for(lane: ReproOnDevice, verdict: Optional[Verdict], reasons: Sequence[str]) -> str:
    words = style.WORDS[verdict]
    known = [reason for reason, _ in Counter(filter(None, reasons)).most_common()]
    said = listed([lane.quote(shortened(each, MOST_SIGNATURE)) for each in known], MOST_REASONS)
    many = f"{count(len(reasons), 'cell')} {words.one if len(reasons) == 1 else words.several}"
    return f"{many} ({said})" if said else many


# Cases that behave in few ways: each way in a clause -----------------------------------------


def _alike(lane: ReproOnDevice) -> list[list[Row]]:
    """Rows that show the same on every column of the lane, together."""
    groups: dict[tuple[Finding, ...], list[Row]] = defaultdict(list)
    for row in lane.rows:
        marks = (lane.mark(row, column) for column in lane.columns)
        groups[tuple((mark.verdict, mark.letter) for mark in marks)].append(row)
    return list(groups.values())


def _clause(lane: ReproOnDevice, group: Sequence[Row]) -> str:
    subject = _subject(lane, group)
    parts = _predicates(lane, group)
    return f"{subject} {', '.join(parts)}" if subject else "; ".join(parts)


def _subject(lane: ReproOnDevice, group: Sequence[Row]) -> str:
    """Who: nobody where there is one script and nothing else."""
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


def _predicates(lane: ReproOnDevice, group: Sequence[Row]) -> list[str]:
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
    said = [_predicate(lane, group, verdict, on) for (verdict, _), on in ordered[:MOST_KINDS]]
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
    """What happens; of a limit that was exceeded, which."""
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
    return lane.quote(shortened(why, MOST_SIGNATURE))


def _told(outcome: Outcome) -> str:
    """The signature, or a reason that says the same and more: `killed for disk, over 64 MiB`."""
    signature = outcome.signature or outcome.reason
    return outcome.reason if outcome.reason.startswith(signature) else signature


# Cases that behave in many ways --------------------------------------------------------------


def _largest_change(lane: ReproOnDevice) -> Optional[Transition]:
    """The transition at which most cases change; of equals the newest."""
    device = lane.columns[0].device
    here = [t for t in lane.grid.transitions_of(lane.rows) if t.before.device == device]
    return max(reversed(here), key=lambda transition: len(transition.changes), default=None)


def _turning_point(lane: ReproOnDevice, main: Transition) -> str:
    """`from 2.16 on 20 of 36 cases fail (10 on 2.15), 12 of them because …`.

    Empty where cases do not keep to passing or failing from there on, or as many fail as before.
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
    where, total = places.on_releases([later], lane.columns), len(judged)
    where += "," if where[-1].isdigit() else ""
    unjudged = len(lane.rows) - total
    rest = f"; {count(unjudged, 'case')} could not be judged there" if unjudged else ""
    if not failing:
        why = _shared_cause(lane, earlier, [main.before], main)
        return (
            f"{where} all {total} cases pass; on {main.before.label} {len(earlier)} fail{why}{rest}"
        )
    many = f"all {total}" if len(failing) == total else f"{len(failing)} of {total}"
    verb = "fails" if len(failing) == 1 else "fail"
    before = f" ({len(earlier) or 'none'} on {main.before.label})"
    return f"{where} {many} cases {verb}{before}{_shared_cause(lane, failing, later, main)}{rest}"


def _failing_on(lane: ReproOnDevice, column: Column) -> list[Row]:
    marks = [(row, lane.mark(row, column).finding) for row in lane.rows]
    return [row for row, finding in marks if finding not in (None, PASS)]


def _shared_cause(
    lane: ReproOnDevice, rows: Sequence[Row], columns: Sequence[Column], main: Transition
) -> str:
    """`, because Keras 3 has no …`, `, 12 of them with KeyError: 'x'`: what most of them show."""
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
    cause = because(lane.grid, signature, main.before, main.after, lane.quote)
    return f", {share}" + (
        f"because {cause}" if cause else f"with {lane.quote(shortened(signature, MOST_SIGNATURE))}"
    )


def _summary(lane: ReproOnDevice, main: Optional[Transition]) -> str:
    """How many pass where, and where most of them change."""
    findings = [lane.findings(row, lane.columns) for row in lane.rows]
    always = [row for row, kinds in zip(lane.rows, findings) if kinds == {PASS}]
    never = sum(bool(kinds) and PASS not in kinds for kinds in findings)
    unjudged = sum(not kinds for kinds in findings)
    some = len(lane.rows) - len(always) - never - unjudged
    if len(lane.columns) == 1:
        ends = [
            (len(always), style.outcome_verb(Verdict.PASS, several=len(always) > 1)),
            (never, style.outcome_verb(Verdict.FAIL, several=never > 1)),
            (unjudged, "could not be judged"),
        ]
        said = listed([f"{number} {end}" for number, end in ends if number])
        return f"on {lane.columns[0].label}, of {len(lane.rows)} cases {said}"
    where = places.on_all_releases(Verdict.PASS, lane.columns)
    if any(lane.mark(row, column).finding is None for row in always for column in lane.columns):
        where += " that was measured" if lane.grid.inferred else " that could be judged"
    many = {0: "none passes", 1: "1 passes"}.get(len(always), f"{len(always)} pass")
    verb = "" if always else " pass" if some > 1 else " passes"
    counts = [
        (1, f"{many} {where}"),
        (some, f"{some}{verb} on some"),
        (never, f"{never} on none"),
        (unjudged, f"{unjudged} could not be judged at all"),
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


# Variants ------------------------------------------------------------------------------------


def _variants(lane: ReproOnDevice, main: Optional[Transition]) -> Iterator[str]:
    """A clause for each variant: whether it ends as the usual way does, or as it did before."""
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
        return f"nothing was judged: {_unjudged(lane, rows)}"
    alike = sum(_as_usual(lane, row, other) for row, other in judged)
    before = sum(_as_before(lane, row, other, main) for row, other in judged) if main else 0
    how = f"as on {main.before.label}" if main and before > alike else "as without it"
    many, total = max(alike, before), len(judged)
    if total == 1:
        only = judged[0][0]
        who = "it" if len(lane.rows) == 1 else lane.quote(short_name(only.base))
        return f"{who} ends {how}" if many else f"{who} {', '.join(_predicates(lane, [only]))}"
    all_ = "both" if total == 2 else f"all {total}"
    return f"{all_ if many == total else f'{many} of {total}'} end {how}"


def _as_usual(lane: ReproOnDevice, row: Row, usual: Row) -> bool:
    """Whether it ended as the usual way did on each release where both were measured."""
    pairs = [(lane.mark(row, c).finding, lane.mark(usual, c).finding) for c in lane.columns]
    both = [(one, other) for one, other in pairs if one and other]
    return bool(both) and all(one == other for one, other in both)


def _as_before(lane: ReproOnDevice, row: Row, usual: Row, main: Optional[Transition]) -> bool:
    """Whether, wherever it was measured, it ended as the usual way did before the change."""
    if main is None:
        return False
    return lane.findings(row, lane.columns) == {lane.mark(usual, main.before).finding}


def change_in_words(transition: Transition) -> str:
    """A transition in words that are all ours: `14 of 18 cases change, 12 × ✓ → D, 2 × ✓ → E`."""
    before, after = transition.before, transition.after
    kinds = [
        (number, f"{style.finding(old)} → {style.finding(new)}")
        for (old, new), number in transition.tally
    ]
    what = ", ".join(f"{number} × {kind}" for number, kind in kinds[:MOST_CHANGES])
    what += f" and {len(kinds) - MOST_CHANGES} other changes" if len(kinds) > MOST_CHANGES else ""
    changed = f"{len(transition.changes)} of {count(transition.compared, 'case')} change"
    words = "the case changes, " if transition.compared == 1 else f"{changed}, "
    words += kinds[0][1] if len(kinds) == 1 else what
    if transition.between:
        words += f"; not judged on {release_range(transition.between)}"
    if before.python != after.python:
        words += f"; Python {clean(before.python)} → {clean(after.python)} too"
    return words
