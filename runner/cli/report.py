"""`tfmatrix report`: renders a run again from its journal, without running."""

from __future__ import annotations

from typing import Optional

import click

from runner import paths, report
from runner.cli import completion, log, terminal
from runner.cli.formats import formats
from runner.report import publish
from runner.runs import journal


@click.command("report", help="Render a run again from its journal, without running.")
@click.argument("run", required=False, shell_complete=completion.complete_runs)
@formats(
    *report.REPORTS,
    default=None,
    help="Print this one and write none. Default: print the grid, and write all again.",
)
def command(run: Optional[str], format_: Optional[str]) -> None:
    folder = journal.find_run(run, paths.results())
    loaded = journal.read_run(folder, warn=log.print_warning)
    if format_ is not None:
        click.echo(publish.render(loaded, format_, folder))
        return
    publish.write(loaded, folder)
    terminal.print_grid(loaded)
    terminal.point_to(folder)
