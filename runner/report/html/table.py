"""The tables of index.html: releases across, cases down, a button in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from runner.grid import Grid, Mark, folded
from runner.grid.folded import FoldedCase, FoldedColumn, FoldedTable, members
from runner.report import style
from runner.report.text import clean, shortened

MOST_NAME = 120
MOST_GLOBS = 8


def short(grid: Grid) -> Iterator[str]:
    """A table for each repro on each device, folded to what differs."""
    for table in folded.tables(grid):
        yield from _table(grid, table)


def whole(grid: Grid) -> Iterator[str]:
    """The same unfolded, of those that fold."""
    for table, every in zip(folded.tables(grid), folded.tables(grid, folded=False)):
        if table.folds:
            yield from _table(grid, every)


def _table(grid: Grid, table: FoldedTable) -> Iterator[str]:
    names = [table.repro] if len(grid.repros) > 1 else []
    names += [table.device] if len(grid.lanes) > 1 else []
    title = escape(clean(" on ".join(names)))
    kind = "folded" if table.folds else "whole"
    yield f'<div class="wide" data-of="{escape(clean(table.device))}">'
    yield f"<h2>{title}</h2>" if title else ""
    yield f'<div class="scroll"><table class="grid {kind}" aria-label="{title or "the grid"}">'
    yield from _head(table)
    yield "<tbody>"
    buttons = _Buttons(grid)
    apart = list(_apart(table.places))
    for names_, lines, marks in zip(table.names, table.lines, table.marks):
        yield _row(table, names_, lines, marks, apart, buttons)
    yield "</tbody></table></div></div>"


def _head(table: FoldedTable) -> Iterator[str]:
    single = all(len(group) == 1 for group in table.lines)
    heads = "".join(map(_column, table.places, _apart(table.places)))
    corner = f'<th scope="col" class="corner">{"case" if single else "cases"}</th>'
    yield f"<thead><tr>{corner}{heads}</tr></thead>"


def _column(places: Sequence[FoldedColumn], apart: bool) -> str:
    columns = [place.column for place in places]
    pythons = ", ".join(dict.fromkeys(column.python for column in columns))
    versions = ", ".join(column.tensorflow for column in columns)
    about = shortened(f"TensorFlow {versions}; Python {pythons}; {columns[0].device}", 300)
    releases = folded.label([FoldedColumn(column=column) for column in columns])
    variant = places[0].variant
    below = f"<br><small>{escape(clean(variant))}</small>" if variant else ""
    return (
        f'<th scope="col" class="v{" apart" if apart else ""}" title="{escape(about)}">'
        f"{escape(clean(releases))}{below}</th>"
    )


def _apart(places: Sequence[Sequence[FoldedColumn]]) -> Iterator[bool]:
    """Whether a new major version or a variant begins with a column."""
    before = None
    for group in places:
        here = (group[0].variant, group[0].column.tensorflow.split(".")[0])
        yield before not in (None, here)
        before = here


def _row(
    table: FoldedTable,
    names: Sequence[str],
    lines: Sequence[FoldedCase],
    marks: Sequence[Mark],
    apart: Sequence[bool],
    buttons: _Buttons,
) -> str:
    first = next(iter(lines[0].rows.values()))
    shown = [shortened(name, MOST_NAME) for name in names[:MOST_GLOBS]]
    shown += [f"and {len(names) - MOST_GLOBS} more"] if len(names) > MOST_GLOBS else []
    name = ", ".join(shown) + (f" ({len(lines)})" if len(lines) > 1 else "")
    title = f"{name}: {clean(first.about)}" if first.about and len(lines) == 1 else name
    cells = "".join(
        _cell(lines, places, mark, gap, buttons)
        for places, mark, gap in zip(table.places, marks, apart)
    )
    whole = ", ".join(f"<i>{escape(each)}</i>" for each in shown) + name[len(", ".join(shown)) :]
    return f'<tr><th scope="row" title="{escape(title)}"><span>{whole}</span></th>{cells}</tr>'


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
    """A button for each kind of mark: cells by the thousand show one of a few."""

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
