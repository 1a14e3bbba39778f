"""The tables of index.html: releases across, cases down, a button in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from runner.grid import Grid, Mark, folded
from runner.grid.folded import FoldedCase, FoldedColumn, FoldedTable, members
from runner.report import style
from runner.report.names import table_names, table_titles
from runner.report.text import clean, shortened, tensorflow_words

MOST_NAME = 120


def folded_tables(grid: Grid) -> Iterator[str]:
    """A table for each repro on each device, in which cases with the same results share a row."""
    for table in grid.folded:
        yield from _table(grid, table)


def whole_tables(grid: Grid) -> Iterator[str]:
    """The same tables with a row for each case, for those that are folded."""
    for table, every in zip(grid.folded, grid.unfolded):
        if table.folds:
            yield from _table(grid, every)


def _table(grid: Grid, table: FoldedTable) -> Iterator[str]:
    called = table_names(table, MOST_NAME)
    title = escape(
        ": ".join(filter(None, [" on ".join(map(clean, table_titles(grid, table))), called.shared]))
    )
    kind = "folded" if table.folds else "whole"
    yield f'<div class="wide" data-of="{escape(clean(table.device))}">'
    yield f"<h2>{title}</h2>" if title else ""
    yield f'<div class="scroll"><table class="grid {kind}" aria-label="{title or "the grid"}">'
    yield from _head(table)
    yield "<tbody>"
    buttons = _Buttons(grid)
    apart = list(_apart(table.places))
    labels, shown = called.labels(table), called.labels(table, _name)
    for label, name, lines, marks in zip(labels, shown, table.lines, table.marks):
        cells = _cells(table, lines, marks, apart, buttons)
        yield f"<tr>{_row_head(lines, label, name)}{cells}</tr>"
    yield "</tbody></table></div></div>"


def _head(table: FoldedTable) -> Iterator[str]:
    single = all(len(group) == 1 for group in table.lines)
    heads = "".join(map(_column, table.places, _apart(table.places)))
    corner = f'<th scope="col" class="corner">{"case" if single else "cases"}</th>'
    yield f"<thead><tr>{corner}{heads}</tr></thead>"


def _column(places: Sequence[FoldedColumn], apart: bool) -> str:
    columns = [place.column for place in places]
    pythons = ", ".join(dict.fromkeys(column.python for column in columns))
    versions = tensorflow_words(", ".join(dict.fromkeys(each.tensorflow for each in columns)))
    about = shortened(f"{versions}; Python {pythons}; {columns[0].device}", 300)
    releases = folded.label([FoldedColumn(column=column) for column in columns])
    variant = places[0].variant
    below = f"<br><small>{escape(clean(variant))}</small>" if variant else ""
    return (
        f'<th scope="col" class="v{" apart" if apart else ""}" title="{escape(about)}">'
        f"{escape(clean(releases))}{below}</th>"
    )


def _apart(places: Sequence[Sequence[FoldedColumn]]) -> Iterator[bool]:
    """For each column, whether a new major version or a variant begins there."""
    before = None
    for group in places:
        here = (group[0].variant, group[0].column.tensorflow.split(".")[0])
        yield before not in (None, here)
        before = here


def _name(name: str) -> str:
    return f"<i>{escape(name)}</i>"


def _row_head(lines: Sequence[FoldedCase], label: str, shown: str) -> str:
    """The head of a row. `shown` is `label` as HTML; the tooltip describes a single case."""
    about = next(iter(lines[0].rows.values())).about if len(lines) == 1 else ""
    title = f"{label}: {clean(about)}" if about else label
    return f'<th scope="row" title="{escape(title)}"><span>{shown}</span></th>'


def _cells(
    table: FoldedTable,
    lines: Sequence[FoldedCase],
    marks: Sequence[Mark],
    apart: Sequence[bool],
    buttons: _Buttons,
) -> str:
    places = zip(table.places, marks, apart)
    return "".join(_cell(lines, place, mark, gap, buttons) for place, mark, gap in places)


def _cell(
    lines: Sequence[FoldedCase],
    places: Sequence[FoldedColumn],
    mark: Mark,
    apart: bool,
    buttons: _Buttons,
) -> str:
    gap = ' class="apart"' if apart else ""
    if mark.impossible:
        return f"<td{gap}></td>"
    there = [f"{row.index},{column.index}" for row, column in members(lines, places)]
    rest = f' data-all="{" ".join(there)}"' if len(there) > 1 else ""
    return f'<td{gap} data-k="{there[0]}"{rest}>{buttons[mark]}</td>'


class _Buttons(dict[Mark, str]):
    """A cache of buttons by mark: thousands of cells share a few marks."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __missing__(self, mark: Mark) -> str:
        paint = style.paint_name(mark, self._grid.entries) + (" i" if mark.inferred else "")
        votes = f"<small>{mark.votes}</small>" if mark.votes else ""
        self[mark] = made = (
            f'<button type="button" tabindex="-1" class="{paint}" '
            f'aria-label="{escape(style.label(mark))}">{style.bare_glyph(mark)}{votes}</button>'
        )
        return made
