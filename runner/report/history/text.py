"""Writes a history as text for a terminal, and as Markdown for an issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.machine.units import count
from runner.report import gfm
from runner.report.history.words import HEADER, UNEXPLAINED, change_groups, run_rows
from runner.report.text import clean
from runner.runs.history import History, ReproHistory, RunSummary

MOST_BLOCKS = 40
"""At most this many groups of changes of one run; the JSON has all."""


def history_text(history: History) -> str:
    """A table of the runs of each repro, then what changed in each."""
    return "\n\n".join("\n".join(_line(line)) for line in history.lines)


def markdown(history: History) -> str:
    """The same as Markdown; text from outside is code."""
    return "\n\n".join("\n\n".join(_markdown(line)) for line in history.lines)


def _line(line: ReproHistory) -> Iterator[str]:
    script = f" ({clean(line.script)})" if line.script else ""
    yield f"{clean(line.repro)}{script}: {count(len(line.steps), 'run')}"
    yield from _aligned([HEADER, *run_rows(line)])
    for step in line.steps:
        if step.changes:
            yield ""
            yield f"{clean(step.run)}: {count(len(step.changes), 'cell')} changed"
            yield from _changed(step)


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _changed(step: RunSummary) -> Iterator[str]:
    every = change_groups(step)
    for block in every[:MOST_BLOCKS]:
        yield f"  since {block.since}; {block.why}"
        for turn in block.turns:
            yield f"    {turn.said}"
            yield f"      {turn.cells}"
    if len(every) > MOST_BLOCKS:
        yield "  and more: --json has all of them"


def _markdown(line: ReproHistory) -> Iterator[str]:
    yield f"#### {gfm.code_span(line.repro)}"
    body = [
        [*map(gfm.plain_or_code, row[:-1]), gfm.table_code_span(row[-1], 300) if row[-1] else ""]
        for row in run_rows(line)
    ]
    yield gfm.table(HEADER, body, centred=False)
    for step in line.steps:
        if step.changes:
            name = gfm.plain_or_code(clean(step.run))
            yield f"{name}: {count(len(step.changes), 'cell')} changed."
            yield "\n".join(_listed(step))


def _listed(step: RunSummary) -> Iterator[str]:
    every = change_groups(step)
    for block in every[:MOST_BLOCKS]:
        why = block.why if block.why == UNEXPLAINED else gfm.code_span(block.why, 600)
        yield f"- since {gfm.plain_or_code(block.since)}; {why}"
        for turn in block.turns:
            yield f"  - {gfm.code_span(turn.said, 400)}: {gfm.code_span(turn.cells, 600)}"
    if len(every) > MOST_BLOCKS:
        yield "- and more"
