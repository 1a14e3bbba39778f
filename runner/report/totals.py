"""Counts cells by outcome; measured and inferred cells are counted separately."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from runner.grid import Grid, Mark, Row
from runner.machine.units import count, size_text
from runner.model import Verdict
from runner.report import style
from runner.report.text import listed

Verdicts = Mapping[Optional[Verdict], int]


def cell_counts(grid: Grid) -> str:
    """`600 pass, 324 fail, 12 skip`, or `312 measured (…), 612 inferred (…), 12 skip`."""
    if not grid.inferred:
        return _each(grid.counts)
    judged: dict[Optional[Verdict], int] = {
        v: n for v, n in grid.counts.items() if v is not None and v.judged
    }
    rest = {v: n for v, n in grid.counts.items() if v not in judged}
    groups = (("measured", judged), ("inferred", grid.inferred))
    parts = [f"{sum(of.values())} {word} ({_each(of)})" for word, of in groups if of]
    return ", ".join([*parts, *filter(None, [_each(rest)])])


def _each(counts: Verdicts) -> str:
    order = [*Verdict, None]
    return ", ".join(f"{counts[v]} {style.WORDS[v].label}" for v in order if counts.get(v))


def grid_size(grid: Grid) -> str:
    """`36 cases, 36 variants of them × 26 environments, 1152 cells`."""
    variants = sum(bool(row.variant) for row in grid.rows)
    usual = len(grid.rows) - variants
    rows = count(usual or variants, "case")
    rows += f", {count(variants, 'variant')} of them" if usual and variants else ""
    columns = count(len(grid.columns), "environment")
    return f"{rows} × {columns}, {count(len(grid.possible), 'cell')}"


def remarks(grid: Grid) -> Iterator[str]:
    """How many cells are not as expected, and how many are flaky."""
    marks = grid.possible
    unexpected, flaky = sum(m.unexpected for m in marks), sum(bool(m.votes) for m in marks)
    if unexpected:
        yield f"{unexpected} {style.UNEXPECTED_KEY}"
    if flaky:
        yield f"{flaky} flaky: not all attempts said the same"


def left_files(grid: Grid) -> str:
    """`3 cells left 12 files, 1.2 MB`; "" if no cell left any."""
    sizes = [[file.size for file in result.files] for result in grid.results if result.files]
    if not sizes:
        return ""
    every = [size for of_cell in sizes for size in of_cell]
    return f"{count(len(sizes), 'cell')} left {count(len(every), 'file')}, {size_text(sum(every))}"


def caveats(grid: Grid, rows: Iterable[Row]) -> str:
    """A warning for readers of the answer: `10 of 26 cells are inferred, not measured`."""
    marks = [mark for row in rows for mark in grid.marks[row.index] if not mark.impossible]
    inferred = sum(mark.inferred for mark in marks)
    flaky = [mark for mark in marks if mark.votes]
    said = []
    if inferred:
        are = "is" if inferred == 1 else "are"
        said.append(f"{inferred} of {count(len(marks), 'cell')} {are} inferred, not measured")
    if flaky:
        said.append(f"{count(len(flaky), 'cell')} {_flaky(flaky)}")
    return "; ".join(said)


def _flaky(flaky: list[Mark]) -> str:
    shares = sorted({mark.votes for mark in flaky})
    return f"{'is' if len(flaky) == 1 else 'are'} flaky ({listed(shares)} attempts agree)"
