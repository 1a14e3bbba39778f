"""The answer and the grid in plain text, for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.grid import Column, Grid, Row
from runner.report import style
from runner.report.answer import sentences
from runner.report.text import clip

MOST_NAME = 40
MOST_SIGNATURE = 110

Width = tuple[Column, int]


def render(grid: Grid, width: int = 0) -> str:
    """Plain text of any width, or in blocks of columns that are at most `width` wide."""
    parts = ["\n".join(sentences(grid))]
    for device, lane in grid.lanes.items():
        for repro, rows in grid.repros.items():
            title = [repro] if len(grid.repros) > 1 else []
            title += [device] if len(grid.lanes) > 1 else []
            parts.append("\n".join(_table(grid, clip(" on ".join(title), 80), rows, lane, width)))
    parts.append("\n".join(_legend(grid)))
    return "\n\n".join(part for part in parts if part)


def _table(
    grid: Grid, title: str, rows: Sequence[Row], lane: Sequence[Column], width: int
) -> Iterator[str]:
    names = [clip(row.case, MOST_NAME) for row in rows]
    margin = max(map(len, [title, *names]), default=0)
    for block in _blocks(list(_widths(grid, rows, lane)), width - margin):
        heads = (c.label.center(wide) for c, wide in block)
        yield (title.ljust(margin) + "".join(f" {head}" for head in heads)).rstrip()
        for row, name in zip(rows, names):
            cells = (style.glyph(grid.mark(row, c)).center(wide) for c, wide in block)
            yield (name.ljust(margin) + "".join(f" {cell}" for cell in cells)).rstrip()


def _widths(grid: Grid, rows: Sequence[Row], lane: Sequence[Column]) -> Iterator[Width]:
    """As wide as its label, or as the widest of its cells: a letter may carry signs and k/n."""
    for column in lane:
        cells = (len(style.glyph(grid.mark(row, column))) for row in rows)
        yield column, max(len(column.label), max(cells, default=0))


def _blocks(lane: Sequence[Width], width: int) -> Iterator[Sequence[Width]]:
    start, used = 0, 0
    for index, (_, wide) in enumerate(lane):
        used += wide + 1
        if 0 < width < used and index > start:
            yield lane[start:index]
            start, used = index, wide + 1
    yield lane[start:]


def _legend(grid: Grid) -> Iterator[str]:
    for entry in grid.legend:
        yield f"{entry.letter}  {clip(entry.signature, MOST_SIGNATURE)}"
    for glyph, words in style.signs_shown(grid):
        yield f"{glyph}  {words}"
