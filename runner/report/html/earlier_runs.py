"""The section of index.html that compares a run with earlier ones. It needs no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from runner.machine.units import count
from runner.report.history.words import HEADER, ChangeGroup, change_groups, run_rows
from runner.report.text import clean
from runner.runs.history import History, ReproHistory, RunSummary

MOST_BLOCKS = 40


def section(history: History) -> str:
    """A `<section>` with all text escaped; "" if there is no earlier run."""
    lines = [line for line in history.lines if len(line.steps) > 1]
    if not lines:
        return ""
    parts = "\n".join(part for line in lines for part in _line(line))
    return (
        '<section aria-labelledby="h-history">\n'
        f'<h2 id="h-history">Earlier runs</h2>\n{parts}\n</section>'
    )


def _line(line: ReproHistory) -> Iterator[str]:
    yield f"<h3><code>{escape(clean(line.repro))}</code></h3>"
    yield '<div class="scroll"><table class="history">'
    yield f"<thead>{_row('th', HEADER)}</thead>"
    yield from (_row("td", row) for row in reversed(run_rows(line)))
    yield "</table></div>"
    yield from (_changes(step) for step in reversed(line.steps) if step.changes)


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _changes(step: RunSummary) -> str:
    every = change_groups(step)
    items = [_block(block) for block in every[:MOST_BLOCKS]]
    if len(every) > MOST_BLOCKS:
        items.append("<li>and more: <code>tfmatrix history --json</code></li>")
    summary = f"{escape(clean(step.run))}: {count(len(step.changes), 'cell')} changed"
    return f"<details><summary>{summary}</summary>{_list(items)}</details>"


def _block(block: ChangeGroup) -> str:
    turns = [f"<li><code>{escape(t.said)}</code>: {escape(t.cells)}</li>" for t in block.turns]
    return f"<li>since {escape(block.since)}; {escape(block.why)}{_list(turns)}</li>"


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(items)}</ul>"
