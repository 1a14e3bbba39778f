"""Writes the reports of a run beside its journal."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import cache
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
        text = _render(made, name)
        # Not synced: the journal can make it again if the machine loses it.
        journal.write_file(folder / kind.file, text, sync=False)
        if summary and name == "md":
            with open(summary, "a", encoding="utf-8") as file:
                file.write(text)


def render(run: Run, kind: str, folder: Path, page: str = "") -> str:
    """One report as text."""
    return _render(context(run, folder, page), kind)


def context(run: Run, folder: Path, page: str = "") -> Context:
    """The data for reports of `run`: its records, and the files beside them in `folder`."""
    extras = evolve(_extras(run, folder), page=page)
    return Context(run=run, grid=_grid(run), logs=_reader(folder), extras=extras)


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


def _extras(run: Run, folder: Path) -> Extras:
    read = _reader(folder)
    return Extras(
        scripts={repro.name: read(journal.script_name(repro.name)) for repro in run.repros},
        dockerfiles={
            environment.id: read(f"environments/{environment.id}/Dockerfile")
            for environment in run.environments
        },
        releases=catalogue.load_releases(),
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


def _reader(folder: Path) -> Callable[[str], str]:
    """A function that reads a file of the run by its name: only plain files inside the folder."""
    root = os.path.realpath(folder)

    @cache
    def inside(parent: str) -> str:
        """The real path of `parent` if it is inside the folder, else "". Many files share it."""
        path = os.path.realpath(os.path.join(root, parent))  # noqa: PTH118 - read for each cell
        return path if path == root or path.startswith(root + os.sep) else ""

    def read(name: str) -> str:
        parent, _, last = name.rpartition("/")
        place = inside(parent) if last not in ("", ".", "..") and "\0" not in name else ""
        return _text(f"{place}/{last}") if place else ""

    return read


def _text(path: str) -> str:
    """The beginning of the file; "" if there is none, or if it is a link or a device."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return ""
        return os.read(file, LOG_LIMIT).decode("utf-8", "replace")
    finally:
        os.close(file)
