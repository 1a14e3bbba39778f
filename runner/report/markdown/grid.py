"""The visible parts of matrix.md: the grid, its legend, the changes, unexpected results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Optional

from attrs import evolve

from runner.grid import Column, Entry, Grid, Mark, Row, Transition, release_range
from runner.grid.folded import FoldedCase, FoldedColumn, FoldedTable, members
from runner.machine.units import count
from runner.model import OUT, Result, Verdict, is_named
from runner.report import controls, gfm, links, style, totals
from runner.report.context import Context
from runner.report.names import TableNames, table_names
from runner.report.text import listed
from runner.report.transitions import change_in_words

MOST_NAMED = 3
"""A transition of at most this many cases names them."""


def counts(grid: Grid) -> str:
    """How many cells of each outcome."""
    if not grid.rows:
        return ""
    said = [f"{totals.grid_size(grid)}: {totals.cell_counts(grid)}", *totals.remarks(grid)]
    return " ".join(f"{sentence}." for sentence in said)


def left_files(grid: Grid, page: str) -> Iterator[str]:
    """One line on the files in `out/`; the published page lists them."""
    said = totals.left_files(grid)
    if said:
        where = f"[`{OUT}/`]({page})" if page else f"`{OUT}/` of the run's folder"
        yield f"{said}: in {where}."


def tables(grid: Grid, most_rows: int, most_columns: int, *, page: str = "") -> Iterator[str]:
    """A folded table for each repro on each device. If it has too many columns, the newest are
    shown.

    If the run is published at `page`, each cell links to it.
    """
    for table in grid.folded:
        if table.lines[:most_rows] and most_columns:
            yield from _titled(grid, table, most_rows, most_columns, page)


def whole(grid: Grid) -> Iterator[str]:
    """Every cell, in a folded section; nothing if the tables above already show each one."""
    parts = [
        part
        for short, table in zip(grid.folded, grid.unfolded)
        if short.folds
        for part in _titled(grid, table, len(table.lines), len(table.places))
    ]
    if parts:
        yield gfm.details("The whole grid, each case on each release", "\n\n".join(parts))


def _titled(
    grid: Grid, table: FoldedTable, most_rows: int, most_columns: int, page: str = ""
) -> Iterator[str]:
    """The table's title, the common beginning of its names, then the table."""
    called = table_names(table)
    names = [gfm.code_span(table.repro)] if len(grid.repros) > 1 else []
    names += [gfm.plain_or_code(table.device)] if len(grid.lanes) > 1 else []
    names += [gfm.code_span(called.shared)] if called.shared else []
    if names:
        yield f"#### {', '.join(names)}"
    yield _table(table, called, most_rows, most_columns, page)


def _table(
    table: FoldedTable, called: TableNames, most_rows: int, most_columns: int, page: str
) -> str:
    start = max(0, len(table.places) - most_columns)
    header = ["case" if _single(table) else "cases", *map(_head, table.places[start:])]
    labels = called.labels(table, gfm.table_name)
    body = [
        [label, *(_cell(lines, *cell, page) for cell in list(zip(table.places, marks))[start:])]
        for label, lines, marks in zip(labels[:most_rows], table.lines, table.marks)
    ]
    return gfm.table(header, body)


def _cell(
    lines: Sequence[FoldedCase], places: Sequence[FoldedColumn], mark: Mark, page: str
) -> str:
    """The glyph; if there is a `page`, as a link to the first cell that it stands for."""
    glyph = style.glyph(mark)
    if not page or not glyph:
        return glyph
    return f"[{glyph}]({links.cell_link(page, *next(members(lines, places)))})"


def _single(table: FoldedTable) -> bool:
    return all(len(group) == 1 for group in table.lines)


def _head(places: Sequence[FoldedColumn]) -> str:
    """`2.16–2.21 `keras=legacy``."""
    words = [
        gfm.plain_or_code(part)
        for part in release_range([place.column for place in places]).split(", ")
    ]
    variant = places[0].variant
    return ", ".join(words) + (f" {gfm.table_code_span(variant)}" if variant else "")


def legend(grid: Grid, most: int) -> str:
    """The meaning of the glyphs and letters, a line for each letter."""
    lines = [f"- {_entry(entry)}" for entry in grid.legend[:most]]
    if len(grid.legend) > most > 0:
        lines.append(f"- and {count(len(grid.legend) - most, 'more letter')}")
    key = " · ".join(f"{glyph} {words}" for glyph, words in style.signs_shown(grid))
    return "\n\n".join(filter(None, [key if most else "", "\n".join(lines)]))


def _entry(entry: Entry) -> str:
    label = style.WORDS[entry.verdict].label
    place = style.first_place(entry, gfm.plain_or_code)
    line = f"**{entry.letter}** {label}, {style.cell_count_text(entry)}{place}"
    return line if entry.signature in ("", label) else f"{line}: {gfm.code_span(entry.signature)}"


def transitions(grid: Grid, most: int) -> Iterator[str]:
    """Where cases change, and how."""
    if not grid.transitions:
        judged = sum(mark.finding is not None for mark in grid.possible)
        yield "No case changes from one release to the next." if judged > len(grid.rows) else ""
        return
    largest = sorted(grid.transitions, key=lambda t: -len(t.changes))[:most]
    shown = [t for t in grid.transitions if any(t is kept for kept in largest)]
    lines = [f"- {_transition(t, several=len(grid.lanes) > 1)}" for t in shown]
    if len(shown) < len(grid.transitions):
        lines.append(f"- and {len(grid.transitions) - len(shown)} smaller ones")
    yield "### Where it changes"
    yield "\n".join(lines)


def _transition(transition: Transition, *, several: bool) -> str:
    before, after = transition.before, transition.after
    device = f"{gfm.plain_or_code(before.device)} " if several else ""
    where = f"{device}{gfm.plain_or_code(before.label)} → {gfm.plain_or_code(after.label)}"
    line = f"**{where}**: {change_in_words(transition)}"
    if len(transition.changes) <= MOST_NAMED:
        line += f" ({listed(gfm.case_names(change.row.case for change in transition.changes))})"
    return line + controls.control_clauses(transition, gfm.code_span)


def contradictions(context: Context, most: int) -> Iterator[str]:
    """Cells that differ from matrix.yaml's expectation, with the source of the expectation."""
    grid = context.grid
    groups: dict[tuple[Row, str, str, str], list[Column]] = defaultdict(list)
    for row, cells, marks in zip(grid.rows, grid.cells, grid.marks):
        for column, cell, mark in zip(grid.columns, cells, marks):
            if cell is not None and mark.unexpected:
                shown = style.glyph(evolve(mark, unexpected=False))
                groups[(row, column.device, shown, cell.expected or "")].append(column)
    lines = []
    for (row, device, shown, expected), columns in groups.items():
        source = _source(context, row, expected)
        lines.append(
            f"- {gfm.case_name(row.case)} on {_ranges(grid, columns)}{_on(grid, device)}: "
            f"{shown}, expected {gfm.code_span(expected)}"
            + (f" as of {gfm.code_span(source)}" if source else "")
        )
    yield from _section("Not as expected", lines, most)


def _source(context: Context, row: Row, expected: str) -> str:
    """The source that matrix.yaml names for this expectation."""
    repro, case = context.repros.get(row.repro), context.case(row)
    for expectation in reversed(repro.expectations if repro else ()):
        rule = expectation.rule
        if not rule.axes.items() <= case.variant.values.items():
            continue
        says = expectation.verdict.value + (
            f": {expectation.signature}" if expectation.signature else ""
        )
        if says == expected and is_named(case.base_name, rule.cases):
            return expectation.source
    return ""


def unmeasured(grid: Grid, most: int) -> Iterator[str]:
    """Errors with their reasons: results that the matrix lacks."""
    yield from _section("Could not be measured", list(reasons(grid, Verdict.ERROR)), most)


def notes(grid: Grid, most: int) -> Iterator[str]:
    """Other facts about cells, such as invalid `::observe` lines."""
    yield from _section("Notes", list(_grouped(grid, lambda cell: cell.notes)), most)


def reasons(grid: Grid, verdict: Verdict) -> Iterator[str]:
    """A line for each reason of this outcome, with the cases and releases."""
    return _grouped(
        grid, lambda cell: [cell.outcome.reason] if cell.outcome.verdict is verdict else []
    )


def _grouped(grid: Grid, texts: Callable[[Result], Iterable[str]]) -> Iterator[str]:
    """A line for each of the cells' texts, with the cases and releases."""
    groups: dict[str, list[tuple[Row, Column]]] = defaultdict(list)
    for row, cells in zip(grid.rows, grid.cells):
        for column, cell in zip(grid.columns, cells):
            for text in dict.fromkeys(texts(cell)) if cell is not None else ():
                groups[text].append((row, column))
    for reason, places in groups.items():
        rows = list(dict.fromkeys(row for row, _ in places))
        columns = sorted({column for _, column in places}, key=lambda c: c.index)
        names = listed(gfm.case_names(row.case for row in rows))
        where = _ranges(grid, columns)
        yield f"- {gfm.code_span(reason)}: {count(len(places), 'cell')} ({names}; {where})"


def _ranges(grid: Grid, columns: Iterable[Column]) -> str:
    """`1.12–1.15, 2.4`: columns that are neighbours in their lane form a range."""
    runs: list[list[Column]] = []
    places = {c.index: n for lane in grid.lanes.values() for n, c in enumerate(lane)}
    last: Optional[Column] = None
    for column in columns:
        if last and last.device == column.device and places[column.index] == places[last.index] + 1:
            runs[-1].append(column)
        else:
            runs.append([column])
        last = column
    return listed([gfm.plain_or_code(release_range(run)) for run in runs], 6, "more ranges")


def _on(grid: Grid, device: str) -> str:
    return f" ({gfm.plain_or_code(device)})" if len(grid.lanes) > 1 else ""


def _section(title: str, lines: Sequence[str], most: int) -> Iterator[str]:
    if lines:
        shown = list(lines[:most])
        if len(lines) > most:
            shown.append(f"- and {len(lines) - most} more")
        yield f"### {title}"
        yield "\n".join(shown)
