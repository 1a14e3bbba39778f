"""`tfmatrix lock`: resolves environments again, and tests that each works."""

from __future__ import annotations

from typing import Any

import click

from runner.cli import log
from runner.cli.grammar import ScriptCommand
from runner.cli.options import selecting
from runner.cli.selected import select
from runner.engines.local.engine import LocalEngine
from runner.environments import locks
from runner.errors import TfmatrixError
from runner.matrix import plan
from runner.model import Device, Target


@click.command(
    "lock", cls=ScriptCommand, help="Resolve environments again, as of each release's date."
)
@selecting
@click.option(
    "--prove/--no-prove",
    default=True,
    help="Install each CPU environment with the local engine and train something in it (default).",
)
def command(prove: bool, **selection: Any) -> int:
    chosen = select(**selection)
    engine = LocalEngine()
    failed = 0
    for target in plan.targets(chosen.cells):
        try:
            log.print_answer(
                f"{locks.renew(target)}: {_proved(engine, target) if prove else 'resolved'}"
            )
        except TfmatrixError as error:
            failed += 1
            log.print_answer(f"{target.release.version} {target.device}: {error}", err=True)
    return 3 if failed else 0


def _proved(engine: LocalEngine, target: Target) -> str:
    if target.device is not Device.CPU:
        return "resolved; CUDA environments are not tested"
    refusal = engine.refuses(target)
    if refusal is not None:
        return f"resolved, not tested: {refusal}"
    engine.prove(locks.environment(target))
    return "resolved, installed and tested"
