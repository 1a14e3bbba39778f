"""`tfmatrix merge`: makes one run from several shards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

import click

from runner import paths
from runner.cli import completion, log
from runner.cli.running import conclude, exit_code, report
from runner.errors import UsageError
from runner.report.text import clean
from runner.runs import journal, merge


@click.command(
    "merge",
    help="Make one run from several shards, with its reports. If two shards have the same cell, a "
    "measurement wins over a skip or an error; otherwise the later run wins. Exits like `run`.",
)
@click.argument(
    "runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completion.complete_runs
)
@click.option("--output", type=click.Path(path_type=Path), help="The folder for the merged run.")
def command(runs: Sequence[str], output: Optional[Path]) -> int:
    folders = [journal.find_run(name, paths.results()) for name in runs]
    folders = list({folder.resolve(): folder for folder in folders}.values())
    shards = [journal.read_run(folder, warn=_warn) for folder in folders]
    run_id = journal.new_id(datetime.now(timezone.utc))
    merged = merge.merge_runs(shards, run_id)
    for note in [*merged.notes, *merge.script_notes(merged.run.repros, folders)]:
        _warn(note)
    folder = _empty(output or paths.results() / run_id)
    merge.write_merged(merged, folders, folder)
    written = conclude(folder)
    report(written, folder)
    return exit_code(written)


def _warn(line: str) -> None:
    log.print_warning(f"note: {clean(line)}")


def _empty(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; the merged run needs an empty folder")
    return folder
