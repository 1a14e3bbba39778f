"""A run's reports, written beside its journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runner import grid, report
from runner.journal import write_atomic
from runner.model import Run

LOG_LIMIT = 512 * 1024


def write(run: Run, folder: Path) -> None:
    """Every report in the registry, under its file name; and the job summary in GitHub Actions."""
    for name, kind in report.REPORTS.items():
        write_atomic(folder / kind.file, render(run, name, folder))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with open(summary, "a", encoding="utf-8") as file:
            file.write(render(run, "md", folder))


def render(run: Run, kind: str, folder: Path) -> str:
    return report.render(run, kind, log_reader(folder))


def terminal(run: Run) -> str:
    """The answer in a sentence and the grid, for a terminal or a pipe."""
    return report.terminal(grid.build(run))


def log_reader(folder: Path) -> Callable[[str], str]:
    """Reads a cell's log by its name in the run; nothing outside the folder, nothing huge."""

    def read(name: str) -> str:
        path = (folder / name).resolve()
        if folder.resolve() not in path.parents or not path.is_file():
            return ""
        return path.read_bytes()[:LOG_LIMIT].decode("utf-8", "replace")

    return read
