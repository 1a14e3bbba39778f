"""`tfmatrix diff`: what changed between two runs, or between two releases of one run."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Optional

import click

from runner import paths
from runner.cli import completion, log
from runner.cli.formats import formats, print_json
from runner.grid import build_grid
from runner.grid.tolerance import TOLERANCE
from runner.model import Run
from runner.releases import catalogue
from runner.report import comparison as comparisons
from runner.runs import compare, journal
from runner.runs.compare_files import compare_files
from runner.runs.logs import RunFiles

_VERSION = re.compile(r"\d+(\.\d+)+\S*")


def _place(name: Optional[str]) -> Path:
    return journal.find_run(name, paths.results())


def _run(folder: Path) -> Run:
    return journal.read_run(folder, warn=log.print_warning)


def _is_version(name: str) -> bool:
    """Whether it is a version, and no folder that could be a run."""
    there = (paths.results() / name).exists() or Path(name).exists()
    return _VERSION.fullmatch(name) is not None and not there


def _finite(_: click.Context, __: click.Parameter, given: Optional[float]) -> Optional[float]:
    if given is not None and not math.isfinite(given):
        raise click.BadParameter(f"{given} is not a finite number; expected one such as 1e-3")
    return given


@click.command(
    "diff",
    help="Show what changed between two runs, or between two releases of one run: outcomes, "
    "observed values, and the files that cells left in out/. Exits 1 if an outcome or a signature "
    "changed, or if only one of the two has a cell; with --observations also if a value changed, "
    "with --files also if a file did.",
)
@click.argument("before", shell_complete=completion.complete_runs)
@click.argument("after", shell_complete=completion.complete_runs)
@click.option(
    "--run",
    "of_run",
    metavar="RUN",
    help="BEFORE and AFTER are releases of this run. Without it, two versions are releases of the "
    "newest run.",
    shell_complete=completion.complete_runs,
)
@click.option("--observations", is_flag=True, help="Compare observed values too.")
@click.option("--files", is_flag=True, help="Compare the files in out/ too.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="Relative tolerance: numbers closer than this are the same. Default: "
    f"{TOLERANCE:g} for decimals; integers must be equal.",
)
@formats("text", "json", default="text", help="json: for other programs (docs/json.md).")
def command(
    before: str,
    after: str,
    of_run: Optional[str],
    observations: bool,
    files: bool,
    tolerance: Optional[float],
    format_: str,
) -> int:
    if of_run is not None or (_is_version(before) and _is_version(after)):
        places = [_place(of_run)] * 2
        runs = [_run(places[0])] * 2
        table = build_grid(runs[0], catalogue.load_releases())
        comparison = compare.compare_releases(table, before, after, tolerance)
    else:
        places = [_place(before), _place(after)]
        runs = [_run(place) for place in places]
        comparison = compare.compare_runs(runs[0], runs[1], tolerance)
    left = compare_files(comparison.both, (RunFiles(places[0]), RunFiles(places[1])), tolerance)
    if format_ == "json":
        print_json(comparisons.comparison_data(runs[0], runs[1], comparison, left))
    else:
        log.print_answer("\n".join(comparisons.comparison_lines(comparison, left)))
    asked = (observations and comparison.observed) or (files and left.differences)
    return 1 if comparison.changes or asked else 0
