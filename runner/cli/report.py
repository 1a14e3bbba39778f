"""`tfmatrix report`: renders a run again from its journal; runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from runner import paths, report
from runner.cli import completion, log, terminal
from runner.cli.formats import formats
from runner.cli.report_url import published
from runner.matrix.config import load_matrix
from runner.releases import catalogue
from runner.report import publish
from runner.runs import journal
from runner.runs.expectations import with_expectations


@click.command("report", help="Render a run again from its journal; run nothing.")
@click.argument("run", required=False, shell_complete=completion.complete_runs)
@formats(
    *report.REPORTS,
    default=None,
    help="Print this report and write no file. Default: print the grid and write all reports.",
)
@click.option(
    "--matrix",
    "matrix_file",
    type=click.Path(path_type=Path),
    help="Judge by the expectations of this matrix.yaml, not by those at the time of the run.",
)
@published
def command(
    run: Optional[str], format_: Optional[str], matrix_file: Optional[Path], report_url: str
) -> None:
    folder = journal.find_run(run, paths.results())
    loaded = journal.read_run(folder, warn=log.print_warning)
    if matrix_file is not None:
        matrix = load_matrix(matrix_file)
        loaded = with_expectations(loaded, matrix, catalogue.load_releases())
    if format_ is not None:
        click.echo(publish.render(loaded, format_, folder, report_url))
        return
    publish.write(loaded, folder, report_url)
    terminal.print_grid(loaded)
    terminal.point_to(folder)
