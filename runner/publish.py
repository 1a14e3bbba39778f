"""A run's reports, written beside its journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runner import grid, journal, report
from runner.model import Run
from runner.report import Extras
from runner.report.context import Context

LOG_LIMIT = 512 * 1024
"""Bytes of one file that go into a report."""


def write(run: Run, folder: Path) -> None:
    """Every report in the registry, under its file name; and the job summary in GitHub Actions."""
    made = context(run, folder)
    texts = {name: _render(made, name) for name in report.REPORTS}
    for name, text in texts.items():
        journal.write_atomic(folder / report.REPORTS[name].file, text)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with open(summary, "a", encoding="utf-8") as file:
            file.write(texts["md"])


def render(run: Run, kind: str, folder: Path) -> str:
    """One report as text."""
    return _render(context(run, folder), kind)


def context(run: Run, folder: Path) -> Context:
    """What reports of `run` are made from: its records, and what lies beside them in `folder`."""
    return Context(run=run, grid=grid.build(run), logs=_reader(folder), extras=_extras(run, folder))


def _render(made: Context, kind: str) -> str:
    return report.render(made.run, kind, made.logs, made.extras, made.grid)


def terminal(run: Run, width: int) -> str:
    """The answer in a sentence and the grid, for a terminal or a pipe."""
    return report.terminal(grid.build(run), width)


def _extras(run: Run, folder: Path) -> Extras:
    read = _reader(folder)
    return Extras(
        scripts={repro.name: read(journal.script_name(repro.name)) for repro in run.repros},
        dockerfiles={
            environment.id: read(f"environments/{environment.id}/Dockerfile")
            for environment in run.environments
        },
    )


def _reader(folder: Path) -> Callable[[str], str]:
    """Reads a file of the run by its name; nothing outside the folder, nothing huge."""
    root = folder.resolve()

    def read(name: str) -> str:
        path = (root / name).resolve()
        if root not in path.parents or not path.is_file():
            return ""
        with open(path, "rb") as file:
            return file.read(LOG_LIMIT).decode("utf-8", "replace")

    return read
