"""`tfmatrix render`: what each environment is made from, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.options import selecting
from runner.environments import locks
from runner.matrix import plan
from runner.matrix.selection import select
from runner.runs.journal import write_file


@click.command("render", help="Write each environment's Dockerfile and locked requirements.")
@selecting
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/environments"),
    show_default=True,
    help="Where a folder for each environment is made.",
)
def command(output: Path, **selection: Any) -> None:
    chosen = select(**selection)
    skipped = {
        cell.target.release.version: cell.skip
        for cell in chosen.cells
        if cell.skip is not None and cell.target.device.value == "cuda"
    }
    for target in plan.targets(chosen.cells):
        environment = locks.environment(target, chosen.matrix.images)
        folder = output / environment.id
        write_file(folder / "Dockerfile", environment.dockerfile)
        write_file(folder / "requirements.txt", environment.requirements)
        click.echo(folder)
    for version, why in skipped.items():
        click.echo(f"{version} cuda: skipped: {why}", err=True)
