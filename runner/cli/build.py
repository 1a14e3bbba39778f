"""`tfmatrix build`: prepares environments and runs nothing."""

from __future__ import annotations

import time
from typing import Any

import click

from runner import engines, locks, plan
from runner.cli.options import select, selecting
from runner.engines.base import Phase
from runner.errors import PrepareError


@click.command("build", help="Prepare environments and run nothing.")
@selecting
@click.option("--engine", type=click.Choice(["auto", *engines.ENGINES]), default="auto")
def command(engine: str, **selection: Any) -> int:
    chosen = select(**selection)
    the_engine = engines.choose(engine, lambda line: click.echo(line, err=True))
    failed = 0
    for target in plan.targets(chosen.cells):
        refusal = the_engine.refuses(target)
        if refusal is not None:
            click.echo(f"{target.release.version} {target.device}: skipped: {refusal}")
            continue
        environment = locks.environment(target, chosen.matrix.images)
        started = time.monotonic()
        try:
            the_engine.prepare(environment, _quiet)
        except PrepareError as error:
            failed += 1
            click.echo(f"{environment.id}: {error}", err=True)
        else:
            click.echo(f"{environment.id}: ready after {time.monotonic() - started:.1f} s")
    return 3 if failed else 0


def _quiet(_: Phase) -> None:
    pass
