"""The answer and the grid in plain text, for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.grid import Column, Grid, Row
from runner.report import style
from runner.report.answer import sentences
from runner.report.text import clip

MOST_NAME = 40
MOST_SIGNATURE = 110


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
    for block in _blocks(lane, width - margin):
        yield title.ljust(margin) + "".join(f" {column.label}" for column in block)
        for row, name in zip(rows, names):
            cells = (style.glyph(grid.mark(row, c)).center(len(c.label)) for c in block)
            yield (name.ljust(margin) + "".join(f" {cell}" for cell in cells)).rstrip()


def _blocks(lane: Sequence[Column], width: int) -> Iterator[Sequence[Column]]:
    start, used = 0, 0
    for index, column in enumerate(lane):
        used += len(column.label) + 1
        if 0 < width < used and index > start:
            yield lane[start:index]
            start, used = index, len(column.label) + 1
    yield lane[start:]


def _legend(grid: Grid) -> Iterator[str]:
    for entry in grid.legend:
        yield f"{entry.letter}  {clip(entry.signature, MOST_SIGNATURE)}"
    for glyph, words in style.key(grid):
        yield f"{glyph}  {words}"
