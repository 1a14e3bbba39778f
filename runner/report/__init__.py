"""Reports: `Run` + `Grid` → the text of a file.

A report is one module with a `render(context) -> str`, pure, and one line in `REPORTS`. Modules are
imported when asked for: most commands render nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
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
    """Its name in the run's folder; empty where it is only printed."""
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
"""Those that every run leaves in its folder."""


def render(
    run: Run,
    kind: str,
    logs: Callable[[str], str],
    extras: Optional[Extras] = None,
    grid: Optional[Grid] = None,
) -> str:
    """One report of `run`; give the `grid` where several are rendered of one run."""
    report = importlib.import_module(f"{__name__}.{REPORTS[kind].module}")
    extras = extras or Extras()
    arranged = grid or grids.build_grid(run, extras.releases)
    text = report.render(Context(run=run, grid=arranged, logs=logs, extras=extras))
    assert isinstance(text, str)
    return text


def terminal(grid: Grid, width: int = 0, colour: Colour = no_colour) -> str:
    """The answer and the grid in plain text, in blocks of at most `width` columns (0: no limit).

    `colour` gives what an outcome shows its colour.
    """
    from runner.report import plain

    return plain.render(grid, width, colour)
