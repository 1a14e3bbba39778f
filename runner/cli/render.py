"""`tfmatrix render`: writes the files from which each environment is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli import log
from runner.cli.grammar import ScriptCommand
from runner.cli.options import selecting
from runner.cli.selected import select
from runner.environments import locks, sources
from runner.matrix import plan
from runner.requirements import wheels
from runner.runs.journal import write_file

_ELSEWHERE = "name another folder with --output"


@click.command(
    "render", cls=ScriptCommand, help="Write each environment's Dockerfile and locked requirements."
)
@selecting
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/environments"),
    show_default=True,
    help="The folder for one folder per environment.",
)
@click.option(
    "--sources",
    "fetch",
    is_flag=True,
    help="Also download the source distributions that images of older releases build.",
)
def command(output: Path, fetch: bool, **selection: Any) -> None:
    chosen = select(**selection)
    skipped = {
        cell.target.release.version: cell.skip
        for cell in chosen.cells
        if cell.skip is not None and cell.target.device.value == "cuda"
    }
    for target in plan.targets(chosen.cells):
        environment = locks.environment(target, chosen.matrix.images)
        folder = output / environment.id
        write_file(folder / "Dockerfile", environment.dockerfile, elsewhere=_ELSEWHERE)
        requirements = locks.without_wheels(environment)
        write_file(folder / "requirements.txt", requirements, elsewhere=_ELSEWHERE)
        wheels.write_all(target.requirements, folder / "local")
        wanted = sources.distributions_in_lock(locks.lock_lines(environment.requirements))
        if fetch and wanted:
            from runner.environments import downloads  # it takes a while to import

            downloads.fetch(wanted, folder / "sources")
        log.print_answer(str(folder))
    for version, why in skipped.items():
        log.print_answer(f"{version} cuda: skipped: {why}", err=True)
