"""matrix.md: the answer, the grid, what changes, the evidence; ready for a GitHub issue.

Always within GitHub's limit. What does not fit is cut in the order of `STEPS`: logs first, then
other folded parts, then columns that agree, rows and columns at last; never the answer. The report
says what it left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import evolve, frozen

from runner.report import gfm, markdown_folded, markdown_grid
from runner.report.answer import sentences
from runner.report.context import Context
from runner.report.text import clip


@frozen(kw_only=True)
class Detail:
    """How much of each part is shown."""

    log_lines: int = 40
    packages: bool = True
    observations: int = 60
    scripts: bool = True
    notes: int = 40
    """Lines of each list: transitions, contradicted expectations, reasons."""
    legend: int = 80
    folded: bool = False
    """Neighbouring releases that agree in every case share a column."""
    rows: int = 2_000
    columns: int = 200
    environments: int = 200
    sentences: int = 20


@frozen
class Step:
    """One cut, and its name where the report says what was left out."""

    name: str
    cut: dict[str, Any]


STEPS = (
    Step("all but 15 lines of each log", {"log_lines": 15}),
    Step("all but 5 lines of each log", {"log_lines": 5}),
    Step("logs", {"log_lines": 0}),
    Step("lists of packages", {"packages": False}),
    Step("all but 10 observations that change", {"observations": 10}),
    Step("scripts", {"scripts": False}),
    Step("observations that change", {"observations": 0}),
    Step("columns of releases that agree with the one before", {"folded": True}),
    Step("environments", {"environments": 0}),
    Step("all but 10 lines of each list", {"notes": 10, "legend": 26}),
    Step("all but 300 cases", {"rows": 300}),
    Step("all but 100 cases", {"rows": 100}),
    Step("all but the newest 30 columns", {"columns": 30}),
    Step("all but 40 cases", {"rows": 40}),
    Step("all but the newest 10 columns", {"columns": 10, "legend": 10}),
    Step("the grid", {"rows": 0, "columns": 0, "legend": 0, "notes": 3}),
    Step("all but the answer", {"notes": 0, "sentences": 3}),
    Step("all but one answer", {"sentences": 1}),
)


def render(context: Context, limit: int = gfm.LIMIT) -> str:
    """The richest text that fits `limit`; see `gfm.size` for how it is counted."""
    detail, left_out = Detail(), dict[str, str]()
    text = _document(context, detail, ())
    for step in STEPS:
        if gfm.size(text) <= limit:
            break
        detail = evolve(detail, **step.cut)
        shorter = _document(context, detail, tuple(left_out.values()))
        if len(shorter) < len(text):
            left_out = _said({**left_out, next(iter(step.cut)): step.name})
        text = _document(context, detail, tuple(left_out.values()))
    return text


def _said(left_out: dict[str, str]) -> dict[str, str]:
    """Each cut once, by its last word; and where all is cut but the answer, just that."""
    return {"sentences": left_out["sentences"]} if "sentences" in left_out else left_out


def _document(context: Context, detail: Detail, left_out: Sequence[str]) -> str:
    return "\n\n".join(block for block in _blocks(context, detail, left_out) if block) + "\n"


def _blocks(context: Context, detail: Detail, left_out: Sequence[str]) -> Iterator[str]:
    grid = context.grid
    yield _answer(context, detail)
    yield markdown_grid.counts(grid)
    yield from markdown_grid.tables(grid, detail.rows, detail.columns, folded=detail.folded)
    yield markdown_grid.legend(grid, detail.legend)
    if detail.notes:
        yield from markdown_grid.transitions(grid, detail.notes)
        yield from markdown_grid.contradictions(context, detail.notes)
        yield from markdown_grid.unmeasured(grid, detail.notes)
        yield from markdown_folded.skips(grid, detail.notes)
    yield from markdown_folded.observations(grid, detail.observations)
    yield from markdown_folded.cases(context, min(detail.rows, detail.notes))
    yield from markdown_folded.environments(context, detail.environments, packages=detail.packages)
    yield from markdown_folded.logs(context, detail.log_lines)
    if detail.scripts:
        yield from markdown_folded.scripts(context)
    yield _left_out(left_out)
    yield _reproduce(context)


def _answer(context: Context, detail: Detail) -> str:
    said = sentences(context.grid, gfm.code, detail.sentences)
    return "\n".join(f"- {sentence}" for sentence in said) if len(said) > 1 else said[0]


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f"Left out to fit GitHub's limit of {gfm.LIMIT:,} characters: {'; '.join(names)}. "
        "All of it is in the run's folder, in `index.html` and `matrix.json`."
    )


def _reproduce(context: Context) -> str:
    info = context.run.info
    ended = "" if info.finished else "; not finished"
    facts = [f"tfmatrix {info.tool_version}", f"{info.engine} engine", f"{info.started}{ended}"]
    facts += [str(info.host[key]) for key in ("system", "processor") if info.host.get(key)]
    return "\n\n".join(
        [
            "To see it again:",
            gfm.fence([clip(info.command, 1_000)], "sh"),
            f"Measured by {gfm.code(', '.join(facts), 300)}.",
        ]
    )
