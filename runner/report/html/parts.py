"""The parts of index.html around its tables.

These functions return HTML; they escape every text from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from attrs import frozen

from runner.grid import Entry, Grid, Transition
from runner.machine.units import count
from runner.report import controls, preparation, style, totals
from runner.report.context import Context
from runner.report.html import table
from runner.report.names import short_name, short_names
from runner.report.text import clean, listed, log_lines, shortened, value_text
from runner.report.transitions import change_in_words
from runner.report.values import ValueChange, first_difference, restless_values, value_changes

MOST_SIGNATURE = 600
MOST_STEPS = 12
MOST_NAMED = 6


@frozen
class FilterSwitch:
    """A button that filters by outcome: its glyph, its words, and its number of cells."""

    value: str
    paint: str
    glyph: str
    words: str
    count: int


def code_html(text: str) -> str:
    return f"<code>{escape(clean(text))}</code>"


def answers(found: str, said: Sequence[str]) -> Iterator[str]:
    """The sentences of the answer; the first is the page's heading. `said` is already HTML.

    Above them stands what `bisect` found: its sentence, and the two sides.
    """
    answer, _, sides = found.partition("\n\n")
    if answer:
        yield f"<h1>{escape(clean(answer))}</h1>"
    if sides:
        yield f'<pre class="sides">{escape(chr(10).join(log_lines(sides)))}</pre>'
    for number, sentence in enumerate(said):
        yield f'<p class="h">{sentence}</p>' if number or answer else f"<h1>{sentence}</h1>"


def facts(context: Context) -> str:
    grid, info = context.grid, context.run.info
    size, cells = totals.grid_size(grid), totals.cell_counts(grid)
    said = [f"{size}: {cells}" if cells else size, *totals.remarks(grid)]
    said += filter(None, [totals.left_files(grid)])
    with_ = f"{clean(style.made_by(info))}, {clean(info.engine)} engine"
    said.append(f"Measured {clean(info.started[:10])} with {with_}")
    return escape(". ".join(said) + ("." if info.finished else "; not finished."))


def filters(grid: Grid) -> Iterator[str]:
    yield '<div class="chips" role="group" aria-label="Show only these outcomes">'
    yield from map(_chip, _chips(grid))
    yield "</div>"
    if len(grid.lanes) > 1:
        yield '<div class="chips" role="group" aria-label="Show only these devices">'
        for device in grid.lanes:
            yield (
                '<button type="button" class="chip" aria-pressed="false" '
                f'data-device="{escape(clean(device))}">{escape(clean(device))}</button>'
            )
        yield "</div>"


def _chip(chip: FilterSwitch) -> str:
    dot = ""
    if chip.glyph:
        dot = f'<span class="dot {chip.paint}" aria-hidden="true">{escape(chip.glyph)}</span>'
    return (
        f'<button type="button" class="chip" aria-pressed="false" data-outcome="{chip.value}">'
        f'{dot}{escape(chip.words)} <span class="n">{chip.count}</span></button>'
    )


def _chips(grid: Grid) -> Iterator[FilterSwitch]:
    """One for each measured outcome, and one for each kind of remark on cells."""
    for verdict, words in style.WORDS.items():
        if grid.counts[verdict]:
            name = "none" if verdict is None else verdict.value
            paint = name if name in style.PLAIN_PAINTS else ""
            glyph = style.GLYPHS.get(verdict, "")
            yield FilterSwitch(name, paint, glyph, words.label, grid.counts[verdict])
    marks = grid.possible
    remarks = (
        FilterSwitch("inferred", "", style.INFERRED, "inferred", sum(m.inferred for m in marks)),
        FilterSwitch("flaky", "", style.VOTES, "flaky", sum(bool(m.votes) for m in marks)),
        FilterSwitch("unexpected", "", "≠", style.UNEXPECTED_KEY, sum(m.unexpected for m in marks)),
    )
    yield from (chip for chip in remarks if chip.count)


def whole_grid(grid: Grid) -> str:
    """Every cell, in a folded section; nothing if the tables above already show each one."""
    tables = "\n".join(table.whole_tables(grid))
    if not tables:
        return ""
    summary = "The whole grid, each case on each release"
    return f'<details id="whole"><summary>{summary}</summary>\n{tables}\n</details>'


def legend_html(grid: Grid) -> str:
    return " ".join(
        f"<span><b>{escape(glyph)}</b> {escape(words)}</span>"
        for glyph, words in style.signs_shown(grid)
    )


def sections(grid: Grid) -> Iterator[str]:
    lines = (shortened(line, 300) for line in preparation.preparation_lines(grid.run))
    told = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    yield from _section("packages", "Packages", f"<ul>{told}</ul>")
    legend = "\n".join(map(_entry, grid.legend))
    yield from _section("legend", "What the letters stand for", f'<ul class="legend">{legend}</ul>')
    several = len(grid.lanes) > 1
    turns = "\n".join(_turn(each, several=several) for each in grid.transitions)
    yield from _section("turns", "Where it changes", f'<ol class="turns">{turns}</ol>')
    yield from _section("values", "Same outcome, other values", "\n".join(_values(grid)))


def _section(name: str, title: str, body: str) -> Iterator[str]:
    if "<li" in body:
        yield f'<section aria-labelledby="h-{name}">\n<h2 id="h-{name}">{title}</h2>'
        yield body
        yield "</section>"


def _entry(entry: Entry) -> str:
    label = style.WORDS[entry.verdict].label
    says = (
        ""
        if entry.signature == label
        else f": {code_html(shortened(entry.signature, MOST_SIGNATURE))}"
    )
    return (
        f'<li><button type="button" aria-pressed="false" data-letter="{entry.letter}" '
        f'title="Show only these cells"><span class="dot {style.letter_paint(entry)}">'
        f'{entry.letter}</span><span class="what">{label}{says}</span>'
        f'<span class="n">{style.cell_count_text(entry)}</span></button></li>'
    )


def _turn(transition: Transition, *, several: bool) -> str:
    before, after = transition.before, transition.after
    device = f"{before.device} " if several else ""
    where = escape(clean(f"{device}{before.label} → {after.label}"))
    names = [code_html(name) for name in short_names(c.row.case for c in transition.changes)]
    which = f": {listed(names, MOST_NAMED)}" if len(names) <= MOST_NAMED else ""
    told = escape(change_in_words(transition)) + which
    told += escape(controls.control_clauses(transition))
    return f"<li><b>{where}</b> <span>{told}</span></li>"


def _values(grid: Grid) -> Iterator[str]:
    """Values that change a few times, by release; then restless values, in one line."""
    found, noise = value_changes(grid), restless_values(grid)
    yield '<ol class="turns values">'
    shown = sorted(found, key=lambda step: -len(step.shifts))[:MOST_STEPS]
    several = len(grid.lanes) > 1
    yield from (_step(s, several=several) for s in found if any(s is each for each in shown))
    more = len(found) - len(shown)
    if more:
        yield f'<li><b></b> <span class="quiet">and {count(more, "smaller change")}</span></li>'
    if noise:
        names = listed(
            [f"{code_html(each.name)} of {code_html(short_name(each.row.case))}" for each in noise]
        )
        yield f"<li><b>all along</b> <span>{names} change from release to release</span></li>"
    yield "</ol>"


def _step(step: ValueChange, *, several: bool) -> str:
    """A change, with a button that opens the first case's cell. The script draws a line beside
    it."""
    first = step.shifts[0]
    device = f"{step.after.device} " if several else ""
    where = escape(clean(f"{device}{step.before.label} → {step.after.label}"))
    name, old, new = first_difference(first)
    what = f"from {code_html(value_text(old))} to {code_html(value_text(new))} in"
    if name != step.name or len(step.shifts) == 1:
        what = f"{code_html(shortened(name, 60))} {what}"
    if len(step.shifts) > 1:
        what = f"{code_html(shortened(step.name, 60))} in {len(step.shifts)} cases, such as {what}"
    return (
        f"<li><b>{where}</b> <span>{what} "
        f'<button type="button" class="link" data-step="{first.row.index},{step.after.index}" '
        f'data-name="{escape(shortened(step.name, 80))}">'
        f"{code_html(short_name(first.row.case))}</button>"
        "</span></li>"
    )
