"""Writes the reports of a run beside its journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from attrs import evolve

from runner import grid, paths, report
from runner.grid import Grid
from runner.model import Run
from runner.releases import catalogue
from runner.report import Extras
from runner.report.context import Context
from runner.report.style import Colour, no_colour
from runner.runs import journal
from runner.runs.logs import ARCHIVE, RunFiles

EARLIER = 2
"""The number of earlier runs in a report's history: reading one takes 0.1 s."""
LOG_LIMIT = 512 * 1024
"""At most this many bytes of a file go into a report."""


def write(run: Run, folder: Path, page: str = "") -> None:
    """Writes every report under its file name, and the job summary in GitHub Actions.

    `page`: the published address of index.html.
    """
    made = context(run, folder, page)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    for name, kind in report.FILES.items():  # only one in memory at a time
        pieces = report.pieces(made.run, name, made.logs, made.extras, made.grid)
        # Not synced: the journal can make it again if the machine loses it.
        journal.write_file(folder / kind.file, pieces, sync=False)
        if summary and name == "md":
            with open(summary, "a", encoding="utf-8") as file:
                file.write((folder / kind.file).read_text("utf-8"))


def render(run: Run, kind: str, folder: Path, page: str = "") -> str:
    """One report as text."""
    return _render(context(run, folder, page), kind)


def context(run: Run, folder: Path, page: str = "") -> Context:
    """The data for reports of `run`: its records, and the files beside them in `folder`."""
    run_files = RunFiles(folder)
    extras = evolve(_extras(run, folder, run_files), page=page)
    return Context(run=run, grid=_grid(run), logs=_reader(run_files), extras=extras)


def _render(made: Context, kind: str) -> str:
    return report.render(made.run, kind, made.logs, made.extras, made.grid)


def terminal(run: Run, width: int, colour: Colour = no_colour) -> str:
    """The answer in a sentence and the grid, for a terminal or a pipe."""
    return report.terminal(_grid(run), width, colour)


_latest: Optional[tuple[Run, Grid]] = None


def _grid(run: Run) -> Grid:
    """The grid of a run. The latest one is kept, because a run is both written and shown."""
    global _latest
    if _latest is None or _latest[0] is not run:
        _latest = (run, grid.build_grid(run, catalogue.load_releases()))
    return _latest[1]


def _extras(run: Run, folder: Path, run_files: RunFiles) -> Extras:
    read = _reader(run_files)
    return Extras(
        scripts={repro.name: read(journal.script_name(repro.name)) for repro in run.repros},
        dockerfiles={
            environment.id: read(f"environments/{environment.id}/Dockerfile")
            for environment in run.environments
        },
        releases=catalogue.load_releases(),
        archive=ARCHIVE if run_files.has_archive else "",
        html=lambda: _history(run, folder),
    )


def _history(run: Run, folder: Path) -> str:
    """The section about earlier runs; "" if the run is not in results/ and so has no neighbours.

    Reading the neighbours takes as long as all reports together.
    """
    if folder.parent != paths.results():
        return ""
    from runner.report.html import earlier_runs
    from runner.runs import archive, history

    return earlier_runs.section(
        history.build_history(archive.with_earlier_runs(run, folder, newest=EARLIER))
    )


def _reader(run_files: RunFiles) -> Callable[[str], str]:
    """A function that reads the beginning of a file of the run by its name; "" if there is none."""
    return lambda name: (run_files.read(name, LOG_LIMIT) or b"").decode("utf-8", "replace")
