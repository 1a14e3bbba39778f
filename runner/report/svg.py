"""matrix.svg: the folded grid as a picture for a README, in light and dark, with real text.

It paints its own background, so that it is readable on light and dark pages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from attrs import frozen

from runner.grid import Entry, Grid, Mark
from runner.grid.folded import FoldedColumn, FoldedTable
from runner.machine.units import count
from runner.report import style
from runner.report.answer import sentences
from runner.report.context import Context
from runner.report.names import TableNames, column_label, short_name, table_names, table_titles
from runner.report.text import clean

WIDTH = 900
"""GitHub shows a README at 830 to 1010 pixels."""
LINE = 15
PADDING = 5
"""Added to the height of a row's lines."""
GAP = 2
NARROWEST_CELL = 24
MARGIN = 16
BETWEEN = 12
"""The gap between the labels of two columns."""
APART = 6
"""The extra gap before a new major version or a variant."""
NARROWEST_NAMES = 150
MONO = 6.95
"""The width of a character in the widest common monospaced font at 11.5 pixels."""
SANS = 6.1
"""The average width of a character in sans-serif fonts at 11 pixels, at most."""
SENTENCE = 8.1
"""As `SANS`, at 14 pixels and bold."""
MOST_TITLE = 120
MOST_ROWS = 120
MOST_SENTENCES = 4
MOST_LEGEND = 12
MOST_LINES = 2
"""At most this many lines for one letter of the legend."""

PAGE = {"light": ("#ffffff", "#1f2328", "#59636e"), "dark": ("#0d1117", "#e6e8eb", "#9198a1")}
"""The background, the text, and the secondary text."""


class Canvas:
    """Lines of SVG, and the y coordinate at which they end."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = float(MARGIN)

    def add_text(self, x: float, y: float, what: str, kind: str, extra: str = "") -> None:
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}"{extra}>{escape(what)}</text>')


@frozen(kw_only=True)
class Layout:
    """The positions of a table's columns, in pixels."""

    called: TableNames
    names: float
    """The width of the names of cases."""
    lefts: tuple[float, ...]
    widths: tuple[float, ...]
    turned: bool
    """Whether the labels are rotated because they are too wide side by side."""

    @property
    def right(self) -> float:
        return self.lefts[-1] + self.widths[-1]


def render(context: Context) -> str:
    """A picture `WIDTH` pixels wide; wider if the releases need more."""
    grid = context.grid
    tables = grid.folded
    layouts = [_layout(table) for table in tables]
    width = max([WIDTH, *(layout.right + MARGIN for layout in layouts)])
    canvas = Canvas()
    _sentences(canvas, grid, width)
    for table, layout in zip(tables, layouts):
        _title(canvas, " · ".join(filter(None, [*table_titles(grid, table), layout.called.shared])))
        _header(canvas, table, layout)
        _rows(canvas, grid, table, layout)
    _legend(canvas, grid, width)
    return _document(canvas, grid, width)


def _sentences(canvas: Canvas, grid: Grid, width: float) -> None:
    for sentence in sentences(grid, most=MOST_SENTENCES):
        for line in textwrap.wrap(sentence, int((width - 2 * MARGIN) / SENTENCE)):
            canvas.add_text(MARGIN, canvas.y + 13, line, "a")
            canvas.y += 20
    canvas.y += 10


def _layout(table: FoldedTable) -> Layout:
    """Columns as wide as their labels. The names get the remaining width and are wrapped."""
    heads = [column_label(places) for places in table.places]
    widths = [
        max(_cell_width(column), BETWEEN + SANS * max(map(len, head)))
        for head, column in zip(heads, zip(*table.marks))
    ]
    gaps = [APART if apart else 0 for apart in _apart(table.places)]
    called = table_names(table)
    longest = max(map(len, called.labels(table)), default=0) * MONO
    room = WIDTH - 2 * MARGIN - sum(widths) - sum(gaps) - BETWEEN
    turned = room < min(longest, NARROWEST_NAMES)
    if turned:
        widths = [_cell_width(column) for column in zip(*table.marks)]
        room = WIDTH - 2 * MARGIN - sum(widths) - sum(gaps) - BETWEEN
    names = min(longest, max(room, NARROWEST_NAMES))
    lefts, x = [], MARGIN + names + BETWEEN
    for gap, wide in zip(gaps, widths):
        x += gap
        lefts.append(x)
        x += wide
    return Layout(
        called=called, names=names, lefts=tuple(lefts), widths=tuple(widths), turned=turned
    )


def _cell_width(marks: Sequence[Mark]) -> float:
    """The width of a column's widest cell; a letter may carry signs and k/n."""
    return max(NARROWEST_CELL, *(MONO * len(style.glyph(mark)) + 8 for mark in marks))


def _apart(places: Sequence[Sequence[FoldedColumn]]) -> Iterator[bool]:
    """For each column, whether a new major version or a variant begins there."""
    before = None
    for group in places:
        here = (group[0].variant, group[0].column.tensorflow.split(".")[0])
        yield before not in (None, here)
        before = here


def _title(canvas: Canvas, title: str) -> None:
    if title:
        canvas.add_text(MARGIN, canvas.y + 11, short_name(title, MOST_TITLE), "h")
        canvas.y += 20


def _header(canvas: Canvas, table: FoldedTable, layout: Layout) -> None:
    heads = [column_label(places) for places in table.places]
    if layout.turned:
        labels = [" ".join(head) for head in heads]
        canvas.y += max(map(len, labels)) * SANS * 0.87 + 8
    else:
        canvas.y += max(map(len, heads)) * 13 + 4
    for head, left, wide in zip(heads, layout.lefts, layout.widths):
        x, y = left + (wide - GAP) / 2, canvas.y - 6
        if layout.turned:
            turn = f' transform="rotate(-60 {x + 3:g} {y:g})"'
            canvas.add_text(x + 3, y, " ".join(head), "q", turn)
            continue
        for line, words in enumerate(reversed(head)):
            canvas.add_text(x, y - 13 * line, words, "q", ' text-anchor="middle"')


def _rows(canvas: Canvas, grid: Grid, table: FoldedTable, layout: Layout) -> None:
    labels = layout.called.labels(table)
    for label, marks in zip(labels[:MOST_ROWS], table.marks):
        lines = _wrapped(label, int(layout.names / MONO) or 1)
        high = len(lines) * LINE + PADDING
        for number, line in enumerate(lines):
            canvas.add_text(MARGIN, canvas.y + 13 + number * LINE, line, "n")
        for mark, left, wide in zip(marks, layout.lefts, layout.widths):
            canvas.parts.extend(_cell(grid, mark, left, canvas.y, wide - GAP, high - GAP))
        canvas.y += high
    if len(table.marks) > MOST_ROWS:
        left_out = count(len(table.marks) - MOST_ROWS, "more row")
        canvas.add_text(MARGIN, canvas.y + 13, left_out, "q")
        canvas.y += LINE + PADDING
    canvas.y += MARGIN


def _cell(grid: Grid, mark: Mark, x: float, y: float, wide: float, high: float) -> Iterator[str]:
    if mark.impossible:
        return
    paint = style.paint_name(mark, grid.entries)
    kind = f"{paint} i" if mark.inferred else paint
    yield f'<path class="{kind}" d="M{x:g} {y:g}h{wide:g}v{high:g}h-{wide:g}z"/>'
    middle = f'x="{x + wide / 2:g}" y="{y + high / 2 + 4:g}"'
    yield f'<text class="g {kind}" {middle}>{escape(style.glyph(mark))}</text>'


def _wrapped(label: str, room: int) -> list[str]:
    """The names of a row in lines; one is broken, at a hyphen, only if it fits in no line."""
    broken = max(map(len, label.split()), default=0) > room
    return textwrap.wrap(label, room, break_on_hyphens=broken)


def _legend(canvas: Canvas, grid: Grid, width: float) -> None:
    for entry in grid.legend[:MOST_LEGEND]:
        _entry(canvas, entry, int((width - 2 * MARGIN - 30) / MONO))
    left = len(grid.legend) - MOST_LEGEND
    if left > 0:
        canvas.add_text(MARGIN + 30, canvas.y + 13, count(left, "more letter"), "q")
        canvas.y += LINE + PADDING
    x = float(MARGIN)
    for glyph, words in style.signs_shown(grid):
        canvas.add_text(x, canvas.y + 15, f"{glyph} {words}", "k")
        x += (len(words) + 4) * MONO
    canvas.y += LINE + PADDING + MARGIN


def _entry(canvas: Canvas, entry: Entry, most: int) -> None:
    label = style.WORDS[entry.verdict].label
    says = "" if entry.signature in ("", label) else f": {clean(entry.signature)}"
    lines = textwrap.wrap(label + says, most, max_lines=MOST_LINES, placeholder=" …")
    x, y, paint = MARGIN, canvas.y, style.letter_paint(entry)
    high = len(lines) * LINE + PADDING
    canvas.parts.append(f'<path class="{paint}" d="M{x} {y:g}h22v18h-22z"/>')
    canvas.parts.append(
        f'<text class="g {paint}" x="{x + 11}" y="{y + 13:g}">{entry.letter}</text>'
    )
    for number, line in enumerate(lines):
        canvas.add_text(x + 30, y + 13 + number * LINE, line, "n")
    canvas.y += high


def _document(canvas: Canvas, grid: Grid, width: float) -> str:
    body = "\n".join(canvas.parts)
    size = f"{width:g} {canvas.y:g}"
    said = " ".join(sentences(grid, most=MOST_SENTENCES))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{width:g}" '
        f'height="{canvas.y:g}" role="img" aria-labelledby="t d">\n'
        f'<title id="t">What happens on which TensorFlow release</title>\n'
        f'<desc id="d">{escape(said)}</desc>\n'
        f'<style>{_css()}</style>\n<rect class="p" width="100%" height="100%" rx="6"/>\n'
        f"{body}\n</svg>\n"
    )


def _css() -> str:
    sans = "system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif"
    shared = (
        "text{font:11.5px ui-monospace,SFMono-Regular,'SF Mono',Menlo,Consolas,"
        "'Liberation Mono',monospace}"
        f".q{{font:11px {sans}}}.a{{font:600 14px {sans}}}"
        ".k{font-size:11px}.g{text-anchor:middle;font-weight:600}.h{font-weight:600}"
        "path.i{fill-opacity:.35}text.i{font-weight:400}"
    )
    dark = f"@media(prefers-color-scheme:dark){{{_colours('dark')}}}"
    return f"{shared}{_colours('light')}{dark}"


def _colours(theme: str) -> str:
    ground, text, quiet = PAGE[theme]
    rules = [f".p{{fill:{ground}}}.n,.h,.a{{fill:{text}}}.k,.q{{fill:{quiet}}}"]
    for name, paint in style.paints().items():
        fill, ink = paint.light if theme == "light" else paint.dark
        rules.append(f"path.{name}{{fill:{fill}}}text.{name}{{fill:{ink}}}")
    rules.append(f"text.i{{fill:{text}}}")
    for name in ("error", "none"):
        rules.append(f"path.{name}{{stroke:{quiet};stroke-dasharray:2}}")
    return "".join(rules)
