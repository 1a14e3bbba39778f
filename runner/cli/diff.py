"""`tfmatrix diff`: what changed between two runs."""

from __future__ import annotations

import math
from typing import Optional

import click

from runner import paths
from runner.cli import completion, log
from runner.cli.formats import formats, print_json
from runner.grid.tolerance import TOLERANCE
from runner.report import comparison as comparisons
from runner.runs import compare, journal


def _finite(_: click.Context, __: click.Parameter, given: Optional[float]) -> Optional[float]:
    if given is not None and not math.isfinite(given):
        raise click.BadParameter(f"{given} is not a finite number; expected one such as 1e-3")
    return given


@click.command(
    "diff",
    help="Show what changed between two runs. Exits 1 if an outcome or a signature changed, or if "
    "only one run has a cell; with --observations also if a value changed.",
)
@click.argument("before", shell_complete=completion.complete_runs)
@click.argument("after", shell_complete=completion.complete_runs)
@click.option("--observations", is_flag=True, help="Compare observed values too.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="Relative tolerance: numbers closer than this are the same. Default: "
    f"{TOLERANCE:g} for decimals; integers must be equal.",
)
@formats("text", "json", default="text", help="json: for other programs (docs/json.md).")
def command(
    before: str, after: str, observations: bool, tolerance: Optional[float], format_: str
) -> int:
    runs = [
        journal.read_run(journal.find_run(name, paths.results()), warn=log.print_warning)
        for name in (before, after)
    ]
    comparison = compare.compare_runs(runs[0], runs[1], tolerance)
    if format_ == "json":
        print_json(comparisons.comparison_data(runs[0], runs[1], comparison))
    else:
        log.print_answer("\n".join(comparisons.comparison_lines(comparison)))
    return 1 if comparison.changes or (observations and comparison.observed) else 0
