"""matrix.svg: the grid as a picture for a README, in light and dark, with its text as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import escape

from attrs import frozen

from runner.grid import Column, Entry, Grid, Mark, Row
from runner.report import style
from runner.report.answer import answer
from runner.report.context import Context
from runner.report.text import clip, count

WIDTH = 900
"""GitHub shows a README at 830 to 1010 pixels."""
ROW = 20
GAP = 2
WIDEST_CELL = 32
NARROWEST_CELL = 18
MARGIN = 12
APART = 6
LETTER_WIDTH = 6.9
"""Of the widest common monospaced font at 11.5 pixels."""
MOST_NAME = 34
MOST_ROWS = 120
MOST_LEGEND = 12

PAGE = {"light": ("#1f2328", "#59636e"), "dark": ("#e6e8eb", "#9198a1")}
"""Text and quieter text, on the page that the picture stands on."""


class Canvas:
    """Lines of SVG and how far down they reach."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = float(MARGIN)

    def text(self, x: float, y: float, what: str, kind: str, extra: str = "") -> None:
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}"{extra}>{escape(what)}</text>')


@frozen
class Measures:
    """In pixels: where the cells begin, how wide each is, and the whole."""

    left: float
    cell: float
    width: float

    def places(self, lane: Sequence[Column]) -> list[float]:
        """Where the cell of each column begins; a gap sets major versions apart."""
        majors = [column.tensorflow.split(".")[0] for column in lane]
        places, x = [], self.left
        for before, major in zip([majors[0], *majors], majors):
            x += APART if major != before else 0
            places.append(x)
            x += self.cell
        return places


def render(context: Context) -> str:
    """A picture as wide as `WIDTH`, or wider where so many releases need it."""
    grid = context.grid
    measures = _measures(grid)
    canvas = Canvas()
    for device, lane in grid.lanes.items():
        for repro, rows in grid.repros.items():
            title = [repro] if len(grid.repros) > 1 else []
            title += [device] if len(grid.lanes) > 1 else []
            _title(canvas, " · ".join(title))
            _header(canvas, lane, measures)
            _rows(canvas, grid, rows, lane, measures)
    if not grid.rows:
        canvas.text(MARGIN, canvas.y + 13, answer(grid), "n")
        canvas.y += ROW
    _legend(canvas, grid, measures)
    return _document(canvas, grid, measures)


def _measures(grid: Grid) -> Measures:
    names = [clip(row.case, MOST_NAME) for row in grid.rows]
    left = MARGIN + max(map(len, names), default=0) * LETTER_WIDTH + 10
    most = max(map(len, grid.lanes.values()), default=1)
    cell = max(NARROWEST_CELL, min(WIDEST_CELL, (WIDTH - left - MARGIN - APART) / most))
    return Measures(left, cell, max(WIDTH, left + cell * most + MARGIN + APART))


def _title(canvas: Canvas, title: str) -> None:
    if title:
        canvas.text(MARGIN, canvas.y + 11, clip(title, 80), "h")
        canvas.y += 18


def _header(canvas: Canvas, lane: Sequence[Column], measures: Measures) -> None:
    """Labels upright where they fit, else turned."""
    turned = any(len(column.label) * (LETTER_WIDTH - 1) > measures.cell for column in lane)
    longest = max(len(column.label) for column in lane)
    canvas.y += longest * LETTER_WIDTH * 0.9 + 10 if turned else 18
    for column, place in zip(lane, measures.places(lane)):
        x, y = place + (measures.cell - GAP) / 2, canvas.y - 5
        turn = f' transform="rotate(-60 {x:g} {y:g})"' if turned else ' text-anchor="middle"'
        canvas.text(x, y, clip(column.label, 40), "q", turn)


def _rows(
    canvas: Canvas, grid: Grid, rows: Sequence[Row], lane: Sequence[Column], measures: Measures
) -> None:
    for row in rows[:MOST_ROWS]:
        name = clip(row.case, MOST_NAME)
        canvas.text(measures.left - 10, canvas.y + 13, name, "n", ' text-anchor="end"')
        canvas.parts.extend(_cells(grid, row, lane, canvas.y, measures))
        canvas.y += ROW
    if len(rows) > MOST_ROWS:
        left = count(len(rows) - MOST_ROWS, "more case")
        canvas.text(measures.left - 10, canvas.y + 13, left, "q", ' text-anchor="end"')
        canvas.y += ROW
    canvas.y += MARGIN


def _cells(
    grid: Grid, row: Row, lane: Sequence[Column], y: float, measures: Measures
) -> Iterator[str]:
    """One path and one text for all cells of a row that look the same."""
    alike: dict[tuple[str, Mark], list[float]] = defaultdict(list)
    for column, place in zip(lane, measures.places(lane)):
        mark = grid.mark(row, column)
        alike[(style.paint_name(mark, grid.entries), mark)].append(place)
    wide, high = measures.cell - GAP, ROW - GAP
    for (paint, mark), xs in alike.items():
        path = "".join(f"M{x:g} {y:g}h{wide:g}v{high}h-{wide:g}z" for x in xs)
        kind = f"{paint} i" if mark.inferred else paint
        yield f'<path class="{kind}" d="{path}"/>'
        at = 0.26 if mark.votes else 0.5
        yield _glyphs(f"g {kind}", style.sign(mark), [x + wide * at for x in xs], y + 13)
        if mark.votes:
            yield _glyphs(f"g v {kind}", mark.votes, [x + wide * 0.75 for x in xs], y + 13)


def _glyphs(kind: str, glyph: str, xs: Sequence[float], y: float) -> str:
    spans = "".join(f'<tspan x="{x:g}">{escape(glyph)}</tspan>' for x in xs)
    return f'<text class="{kind}" y="{y:g}">{spans}</text>'


def _legend(canvas: Canvas, grid: Grid, measures: Measures) -> None:
    most = int((measures.width - 2 * MARGIN - 30) / LETTER_WIDTH)
    for entry in grid.legend[:MOST_LEGEND]:
        _sample(canvas, style.letter_paint(entry), entry.letter, _words(entry, most))
    left = len(grid.legend) - MOST_LEGEND
    if left > 0:
        canvas.text(MARGIN + 30, canvas.y + 13, count(left, "more letter"), "q")
        canvas.y += ROW
    x = float(MARGIN)
    for glyph, words in style.signs_shown(grid):
        canvas.text(x, canvas.y + 15, f"{glyph} {words}", "k")
        x += (len(words) + 4) * LETTER_WIDTH
    canvas.y += ROW + MARGIN


def _words(entry: Entry, most: int) -> str:
    label = style.WORDS[entry.verdict].label
    says = "" if entry.signature in ("", label) else f": {entry.signature}"
    return clip(f"{label}{says}", most)


def _sample(canvas: Canvas, paint: str, letter: str, words: str) -> None:
    x, y = MARGIN, canvas.y
    canvas.parts.append(f'<path class="{paint}" d="M{x} {y:g}h22v{ROW - GAP}h-22z"/>')
    canvas.parts.append(f'<text class="g {paint}" x="{x + 11}" y="{y + 13:g}">{letter}</text>')
    canvas.text(x + 30, y + 13, words, "n")
    canvas.y += ROW


def _document(canvas: Canvas, grid: Grid, measures: Measures) -> str:
    body = "\n".join(canvas.parts)
    size = f"{measures.width:g} {canvas.y:g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{measures.width:g}" '
        f'height="{canvas.y:g}" role="img" aria-labelledby="t d">\n'
        f'<title id="t">What happens on which TensorFlow release</title>\n'
        f'<desc id="d">{escape(answer(grid))}</desc>\n'
        f"<style>{_css()}</style>\n{body}\n</svg>\n"
    )


def _css() -> str:
    shared = (
        "text{font:11.5px ui-monospace,SFMono-Regular,'SF Mono',Menlo,Consolas,"
        "'Liberation Mono',monospace}"
        ".q{font:10.5px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}"
        ".k{font-size:11px}.g{text-anchor:middle;font-weight:600}.h{font-weight:600}"
        ".v{font-size:7.5px;letter-spacing:-.03em}path.i{fill-opacity:.35}text.i{font-weight:400}"
    )
    dark = f"@media(prefers-color-scheme:dark){{{_colours('dark')}}}"
    return f"{shared}{_colours('light')}{dark}"


def _colours(theme: str) -> str:
    text, quiet = PAGE[theme]
    rules = [f".n,.h{{fill:{text}}}.k,.q{{fill:{quiet}}}"]
    for name, paint in style.paints().items():
        fill, ink = paint.light if theme == "light" else paint.dark
        rules.append(f"path.{name}{{fill:{fill}}}text.{name}{{fill:{ink}}}")
    for name in ("error", "none"):
        rules.append(f"path.{name}{{stroke:{quiet};stroke-dasharray:2}}")
    return "".join(rules)
