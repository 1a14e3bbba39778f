"""bars.svg and growth.svg: the benchmark as pictures, in light and dark. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from bench.records import Bench, Comparison, Growth, Series
from bench.studies import DOCKER, FLOOR, LOCAL

WIDTH = 820
LEFT = 150
RIGHT = 150
BAR = 16
ROW = 24
OURS = frozenset({LOCAL, DOCKER})

STYLE = """
text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;fill:#1f2328}
.h{font-weight:600}.q{fill:#59636e;font-size:11px}.axis{stroke:#d1d9e0;fill:none}
.others{fill:#afb8c1}.ours{fill:#0969da}.floor{fill:#57606a}
.spread{stroke:#1f2328;stroke-width:1.5}.limit{stroke:#57606a;stroke-dasharray:3 3}
.line{fill:none;stroke-width:2}.line.l0{stroke:#0969da}.line.l1{stroke:#bc4c00}
.line.l2{stroke:#57606a;stroke-dasharray:4 3}
.dot.l0{fill:#0969da}.dot.l1{fill:#bc4c00}.dot.l2{fill:#57606a}
@media(prefers-color-scheme:dark){text{fill:#e6e8eb}.q{fill:#9198a1}.axis{stroke:#3d444d}
.others{fill:#59636e}.ours{fill:#4493f8}.floor{fill:#9198a1}.spread{stroke:#e6e8eb}
.limit{stroke:#9198a1}.line.l0{stroke:#4493f8}.line.l1{stroke:#f0883e}.line.l2{stroke:#9198a1}
.dot.l0{fill:#4493f8}.dot.l1{fill:#f0883e}.dot.l2{fill:#9198a1}}
"""


def bars(bench: Bench) -> str:
    """A bar per contestant: the median, with a whisker from the fastest round to the slowest."""
    parts: list[str] = []
    y = 8.0
    for comparison in bench.comparisons:
        parts.append(_text(8, y + 14, comparison.title, "h"))
        y += 26
        top = y
        scale = (WIDTH - LEFT - RIGHT) / max(series.spread[1] for series in comparison.series)
        for series in sorted(comparison.series, key=lambda series: series.median):
            parts += _bar(comparison, series, y, scale)
            y += ROW
        floor = comparison.of(FLOOR)
        if floor:
            x = LEFT + floor.median * scale
            parts.append(f'<path class="limit" d="M{x:.1f} {top:g}V{y - 4:g}"/>')
        y += 16
    return _document("Seconds for the same work: median, fastest and slowest round", parts, y)


def _bar(comparison: Comparison, series: Series, y: float, scale: float) -> Iterator[str]:
    name = series.contestant
    kind = "ours" if name in OURS else "floor" if name == FLOOR else "others"
    least, most = (LEFT + seconds * scale for seconds in series.spread)
    floor = comparison.of(FLOOR)
    times = f"  {series.median / floor.median:.2f} × floor" if floor and floor != series else ""
    middle = y + BAR / 2
    yield _text(LEFT - 8, y + 12, name, "", ' text-anchor="end"')
    yield f'<path class="{kind}" d="M{LEFT} {y:g}h{series.median * scale:.1f}v{BAR}H{LEFT}z"/>'
    yield f'<path class="spread" d="M{least:.1f} {middle:g}H{most:.1f}"/>'
    yield _text(max(most, LEFT) + 6, y + 12, f"{series.median:.1f} s{times}", "q")


def growth(bench: Bench) -> str:
    """A chart per thing that grows, side by side; both axes linear, from zero."""
    parts: list[str] = []
    width = WIDTH / max(len(bench.growths), 1)
    for number, one in enumerate(bench.growths):
        parts += _chart(one, number * width + 44, width - 70)
    return _document("Seconds as work grows", parts, 290)


def _chart(one: Growth, left: float, width: float) -> Iterator[str]:
    top, height = 36.0, 190.0
    most = max(point.sample.seconds for point in one.points)
    largest = max(point.size for point in one.points)
    step = nice(most / 4)
    yield _text(left - 36, 18, one.title, "h")
    for tick in range(math.ceil(most / step) + 1):
        y = top + height - height * tick * step / (step * math.ceil(most / step))
        yield f'<path class="axis" d="M{left:g} {y:.1f}h{width:g}"/>'
        yield _text(left - 6, y + 4, f"{tick * step:g}", "q", ' text-anchor="end"')
    above = step * math.ceil(most / step)
    for size in sorted({point.size for point in one.points}):
        x = left + width * size / largest
        yield _text(x, top + height + 16, str(size), "q", ' text-anchor="middle"')
    yield _text(left + width / 2, top + height + 34, one.along, "q", ' text-anchor="middle"')
    for index, name in enumerate(sorted({point.contestant for point in one.points}, key=_rank)):
        places = [
            (left + width * p.size / largest, top + height * (1 - p.sample.seconds / above))
            for p in sorted(one.points, key=lambda p: p.size)
            if p.contestant == name
        ]
        yield from _curve(places, _rank(name))
        x = left + index * 105
        yield f'<circle class="dot l{_rank(name)}" cx="{x:.1f}" cy="277" r="4"/>'
        yield _text(x + 8, 281, name, "q")


def _curve(places: Sequence[tuple[float, float]], kind: int) -> Iterator[str]:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path class="line l{kind}" d="M{path}"/>'
    for x, y in places:
        yield f'<circle class="dot l{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def _rank(name: str) -> int:
    return {LOCAL: 0, DOCKER: 1}.get(name, 2)


def nice(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)


def _text(x: float, y: float, what: str, kind: str, extra: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}"{extra}>{escape(what)}</text>'


def _document(title: str, parts: Iterable[str], height: float) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" role="img" aria-labelledby="t">\n'
        f'<title id="t">{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )
