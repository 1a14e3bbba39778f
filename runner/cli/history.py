"""`tfmatrix history`: shows which cells changed from run to run, and what else changed."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from runner import paths
from runner.cli import log
from runner.cli.formats import formats, print_json
from runner.errors import UsageError
from runner.report.history import json_data, text
from runner.runs import archive, history


@click.command(
    "history",
    help="Show which cells changed verdict or signature from run to run, and whether TensorFlow, "
    "a dependency, the script or the machine changed too. RESULTS is a folder of runs. Default: "
    "results/.",
)
@click.argument("results", required=False, type=click.Path(path_type=Path))
@click.option("--last", type=click.IntRange(min=2), metavar="N", help="Only the newest N runs.")
@click.option("--repro", metavar="NAME", help="Only this repro.")
@formats("text", "md", "json", default="text", help="md: for an issue.")
def command(
    results: Optional[Path],
    last: Optional[int],
    repro: Optional[str],
    format_: str,
) -> int:
    folder = results or paths.results()
    pasts = history.oldest_first(archive.load_runs(folder, log.print_warning))
    if not pasts:
        raise UsageError(f"there are no runs in {folder}/")
    found = history.build_history(pasts[-last:] if last else pasts)
    if repro is not None:
        found = history.only_repro(found, repro)
    if format_ == "json":
        print_json(json_data.history_data(found))
    else:
        click.echo(text.markdown(found) if format_ == "md" else text.history_text(found))
    return 0
