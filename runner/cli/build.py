"""`tfmatrix build`: prepares environments and runs nothing."""

from __future__ import annotations

import time
from typing import Any, Optional

import click
from rich.console import Console

from runner import locks, plan
from runner.cli import crew as crews
from runner.cli.options import Selection, select, selecting
from runner.engines.base import Maker, Phase
from runner.errors import PrepareError
from runner.model import Target


@click.command("build", help="Prepare environments and run nothing.")
@selecting
@crews.options
def command(engine: str, cluster: Optional[str], **selection: Any) -> int:
    chosen = select(**selection)
    with crews.crew(Console(stderr=True), engine=engine, cluster=cluster) as crew:
        prepared = [_prepare(crew.engine, target, chosen) for target in plan.targets(chosen.cells)]
    return 0 if all(prepared) else 3


def _prepare(engine: Maker, target: Target, chosen: Selection) -> bool:
    """Make one environment, and say how that went; False where it could not be made."""
    refusal = engine.refuses(target)
    if refusal is not None:
        click.echo(f"{target.release.version} {target.device}: skipped: {refusal}")
        return True
    environment = locks.environment(target, chosen.matrix.images)
    started = time.monotonic()
    try:
        engine.prepare(environment, _quiet)
    except PrepareError as error:
        click.echo(f"{environment.id}: {error}", err=True)
        return False
    click.echo(f"{environment.id}: ready after {time.monotonic() - started:.1f} s")
    return True


def _quiet(_: Phase) -> None:
    pass
