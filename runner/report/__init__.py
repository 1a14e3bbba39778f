"""Renders a run as reports: md, html, svg, junit, json and text.

Each report is one module with a pure function `render(context)`, which returns the text or its
pieces, and one line in `REPORTS`.
A module is imported only when its report is asked for, because most commands render nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Optional

from attrs import frozen

from runner import grid as grids
from runner.grid import Grid
from runner.model import Run
from runner.report.context import Context, Extras
from runner.report.style import Colour, no_colour

__all__ = ["FILES", "REPORTS", "Extras", "Report", "render", "terminal"]


@frozen
class Report:
    file: str
    """The file's name in the run's folder; empty if the report is only printed."""
    module: str


REPORTS = {
    "json": Report("matrix.json", "matrix_json"),
    "md": Report("matrix.md", "markdown"),
    "html": Report("index.html", "html"),
    "svg": Report("matrix.svg", "svg"),
    "junit": Report("junit.xml", "junit"),
    "issue": Report("", "issue"),
}
FILES = {kind: report for kind, report in REPORTS.items() if report.file}
"""The reports that every run leaves in its folder."""


def render(
    run: Run,
    kind: str,
    logs: Callable[[str], str],
    extras: Optional[Extras] = None,
    grid: Optional[Grid] = None,
) -> str:
    """One report of `run`. Pass the `grid` if several reports of one run are rendered."""
    return "".join(pieces(run, kind, logs, extras, grid))


def pieces(
    run: Run,
    kind: str,
    logs: Callable[[str], str],
    extras: Optional[Extras] = None,
    grid: Optional[Grid] = None,
) -> Iterable[str]:
    """The same text, in pieces if it can be large."""
    report = importlib.import_module(f"{__name__}.{REPORTS[kind].module}")
    extras = extras or Extras()
    arranged = grid or grids.build_grid(run, extras.releases)
    text = report.render(Context(run=run, grid=arranged, logs=logs, extras=extras))
    return [text] if isinstance(text, str) else text


def terminal(grid: Grid, width: int = 0, colour: Colour = no_colour) -> str:
    """The answer and the grid as plain text. A line has at most `width` characters (0: no limit).

    `colour` wraps what an outcome shows in its colour.
    """
    from runner.report import plain

    return plain.render(grid, width, colour)
