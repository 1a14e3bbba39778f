"""bench.md: everything measured, as Markdown tables. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from bench.records import Aim, Answer, Bench, Comparison, Coverage, Figures, Growth, Series
from bench.studies import FLOOR


def render(bench: Bench) -> str:
    """The whole page."""
    return "\n".join(_lines(bench)) + "\n"


def _lines(bench: Bench) -> Iterator[str]:
    yield from ("# Benchmark", "")
    yield f"`{bench.command}` · {bench.started} to {bench.finished} · tfmatrix {bench.version}"
    yield from ("", _host(bench), "")
    yield "What is compared, and how it is measured: docs/benchmark.md."
    if bench.left_out:
        yield from ("", "**Left out**", "", *(f"- {line}" for line in bench.left_out))
    if bench.aims:
        yield from ("", "## Aims", "", *_aims(bench.aims))
    if bench.comparisons:
        yield from ("", "![times](bars.svg)")
    for comparison in bench.comparisons:
        yield from ("", f"## {comparison.title}", "", *_comparison(comparison))
    if bench.growths:
        yield from ("", "![cost as work grows](growth.svg)")
    for growth in bench.growths:
        yield from ("", f"## {growth.title}", "", *_growth(growth))
    for coverage in bench.coverages:
        yield from ("", f"## {coverage.title}", "", *_coverage(coverage))
    for figures in bench.figures:
        yield from ("", f"## {figures.title}", "", *_figures(figures))


def _host(bench: Bench) -> str:
    host = bench.host
    memory = host.get("memory_mb")
    gib = f"{memory / 1024:.0f} GiB" if isinstance(memory, (int, float)) else "memory unknown"
    return f"{host.get('processor')}, {host.get('cores')} cores, {gib}, {host.get('system')}"


def _aims(aims: Iterable[Aim]) -> Iterator[str]:
    rows = [
        (
            aim.what,
            f"{'≥' if aim.least else '≤'} {aim.limit:g}{aim.unit}",
            f"{aim.measured:.2f}{aim.unit}",
            "met" if aim.met else "**missed**",
        )
        for aim in aims
    ]
    yield from table(("aim", "limit", "measured", ""), rows)


def _comparison(comparison: Comparison) -> Iterator[str]:
    cells = comparison.cases * len(comparison.releases)
    yield f"{comparison.cases} cases on {', '.join(comparison.releases)}: {cells} cells."
    yield ""
    floor = comparison.of(FLOOR)
    rows = [
        (
            series.contestant,
            f"{series.median:.2f} s",
            "{:.2f} – {:.2f}".format(*series.spread),
            f"{1000 * series.median / cells:.0f} ms",
            f"{series.median / floor.median:.2f}" if floor else "",
            _notes(series),
        )
        for series in sorted(comparison.series, key=lambda series: series.median)
    ]
    rounds = len(comparison.series[0].samples)
    heads = (f"median of {rounds}", "min – max", "per cell", "× floor", "")
    yield from table(("", *heads), rows)


def _notes(series: Series) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in _rounded(series) if value)


def _rounded(series: Series) -> list[tuple[str, float]]:
    return [(name, round(value, 1)) for name, value in series.notes.items()]


def _growth(growth: Growth) -> Iterator[str]:
    names = list(dict.fromkeys(point.contestant for point in growth.points))
    found = {(point.contestant, point.size): point.sample.seconds for point in growth.points}
    rows = [
        (str(size), *(_seconds(found.get((name, size))) for name in names))
        for size in sorted({point.size for point in growth.points})
    ]
    yield from table((growth.along, *names), rows)


def _seconds(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.2f} s"


def _coverage(coverage: Coverage) -> Iterator[str]:
    answers: dict[str, list[Answer]] = {}
    for answer in coverage.answers:
        answers.setdefault(answer.contestant, []).append(answer)
    rows = [
        (
            name,
            str(sum(not one.cause for one in found)),
            _median([one.first for one in found if not one.cause]),
            _median([one.again for one in found]),
            _causes(found),
        )
        for name, found in answers.items()
    ]
    of_all = f"right cells of {len(coverage.releases)}"
    yield from table(("", of_all, "from nothing, median", "again, median", "no answer"), rows)


def _median(seconds: Iterable[Optional[float]]) -> str:
    there = [one for one in seconds if one is not None]
    return _seconds(statistics.median(there)) if there else ""


def _causes(answers: Iterable[Answer]) -> str:
    """`protobuf is too new: 1.15.5, 2.0.4; …`"""
    versions: dict[str, list[str]] = {}
    for answer in answers:
        if answer.cause:
            versions.setdefault(answer.cause, []).append(answer.version)
    return "; ".join(f"{cause}: {', '.join(found)}" for cause, found in versions.items())


def _figures(figures: Figures) -> Iterator[str]:
    yield from table(figures.heads, figures.rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table. Nothing in it holds a `|`: all words are the benchmark's own."""
    for line in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(line)} |"
