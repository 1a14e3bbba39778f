"""Renders the answer and the folded grid as plain text, for a terminal or a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from runner.grid import Grid, Mark
from runner.grid.folded import FoldedTable
from runner.report import style
from runner.report.answer import sentences
from runner.report.names import column_label, short_name, table_names, table_titles
from runner.report.style import Colour
from runner.report.text import shortened, without_commands

MOST_TITLE = 80
WIDEST_NAMES = 48
NARROWEST_NAMES = 20
"""The narrowest column for names; longer names are wrapped."""
MOST_SIGNATURE = 110

Block = Sequence[int]
"""Indexes of the table's columns that are printed side by side."""


def render(grid: Grid, width: int = 0, colour: Colour = style.no_colour) -> str:
    """The text; if `width` is not 0, no line is longer and wide tables are split into blocks."""
    said = [_wrapped(sentence, width) for sentence in sentences(grid)]
    parts = ["\n".join(said)]
    for table in grid.folded:
        title = " on ".join(table_titles(grid, table))
        parts.append("\n".join(_table(table, title, width, colour)))
    parts.append("\n".join(_legend(grid, width, colour)))
    whole = "\n\n".join(part for part in parts if part)
    # Wrapping may put text that a workflow's log would run as a command at the start of a line.
    return "\n".join(map(without_commands, whole.split("\n")))


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False) if width else text


def _table(table: FoldedTable, title: str, width: int, colour: Colour) -> Iterator[str]:
    heads = [column_label(places) for places in table.places]
    columns = list(zip(*table.marks))
    wides = [_width(head, marks) for head, marks in zip(heads, columns)]
    called = table_names(table)
    labels = called.labels(table)
    longest = max((len(word) for label in labels for word in label.split()), default=0)
    room = _room_for_names(wides, width, longest)
    names = [_lines(label, room, longest) for label in labels]
    title = ": ".join(short_name(part, MOST_TITLE) for part in (title, called.shared) if part)
    if len(title) > room:
        yield from textwrap.wrap(title, width or len(title), break_on_hyphens=False)
        title = ""
    margin = max(map(len, [title, *(line for lines in names for line in lines)]), default=0)
    for block in _blocks(wides, width - margin):
        yield from [""] if block[0] else []
        yield from _heads(title, margin, [heads[at] for at in block], [wides[at] for at in block])
        for lines, marks in zip(names, table.marks):
            cells = [_cell(marks[at], wides[at], colour) for at in block]
            yield _line(lines[0], margin, cells)
            yield from lines[1:]


def _heads(
    title: str, margin: int, heads: Sequence[Sequence[str]], wides: Sequence[int]
) -> Iterator[str]:
    """The labels of columns; those of variants have a line more, and the others stand beside it."""
    high = max(map(len, heads))
    for line in range(high):
        at = line - high
        words = [(head[at] if -at <= len(head) else "") for head in heads]
        cells = [word.center(wide) for word, wide in zip(words, wides)]
        yield _line(title if at == -1 else "", margin, cells)


def _cell(mark: Mark, wide: int, colour: Colour) -> str:
    glyph = style.glyph(mark)
    if not glyph:
        return " " * wide
    return glyph.center(wide).replace(glyph, colour(mark.verdict, glyph), 1)


def _line(name: str, margin: int, cells: Sequence[str]) -> str:
    return (name.ljust(margin) + "".join(f"  {cell}" for cell in cells)).rstrip()


def _lines(label: str, room: int, longest: int) -> list[str]:
    """The names of a row in lines; a name is broken only if the longest does not fit in one."""
    indent = " " * min(2, max(0, room - longest))
    broken = longest > room
    return textwrap.wrap(label, room, subsequent_indent=indent, break_on_hyphens=broken)


def _room_for_names(wides: Sequence[int], width: int, longest: int) -> int:
    """What the columns leave; if these need several blocks anyway, the longest name stays whole."""
    left = width - sum(wide + 2 for wide in wides) if width else WIDEST_NAMES
    if left < NARROWEST_NAMES:
        return max(NARROWEST_NAMES, min(WIDEST_NAMES, longest + 2, width // 2))
    return min(WIDEST_NAMES, left)


def _width(head: Sequence[str], marks: Sequence[Mark]) -> int:
    """The width of a column: of its label or its widest cell (a letter may carry signs and k/n)."""
    return max(*map(len, head), *(len(style.glyph(mark)) for mark in marks))


def _blocks(wides: Sequence[int], width: int) -> Iterator[Block]:
    start, used = 0, 0
    for at, wide in enumerate(wides):
        used += wide + 2
        if 0 < width < used and at > start:
            yield range(start, at)
            start, used = at, wide + 2
    yield range(start, len(wides))


def _legend(grid: Grid, width: int, colour: Colour) -> Iterator[str]:
    most = min(MOST_SIGNATURE, width - 4) if width else MOST_SIGNATURE
    for entry in grid.legend:
        letter, most_signature = colour(entry.verdict, entry.letter), max(20, most)
        yield f"{letter}  {shortened(entry.signature, most_signature)}{style.first_place(entry)}"
    for glyph, words in style.signs_shown(grid):
        yield f"{glyph}  {words}"
