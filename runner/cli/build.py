"""`tfmatrix build`: prepares environments and runs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Optional

import click

from runner.cli import backend as backends
from runner.cli import log, running, terminal
from runner.cli.grammar import ScriptCommand
from runner.cli.options import selecting
from runner.cli.selected import select
from runner.engines.base import Maker, Phase
from runner.environments import locks
from runner.errors import PrepareError
from runner.machine import processes
from runner.matrix import plan
from runner.matrix.selection import Selection
from runner.model import Target
from runner.pipeline import Backend, ClusterBackend, Demand
from runner.pipeline.site import made_at_once


@click.command("build", cls=ScriptCommand, help="Prepare environments and run nothing.")
@selecting
@backends.options
def command(engine: str, cluster: Optional[str], **selection: Any) -> int:
    chosen = select(**selection)
    wanted = Demand.of_environments(chosen.cells, running.locker(chosen))
    with backends.choose(
        terminal.stderr(), engine=engine, cluster=cluster, wanted=wanted
    ) as backend:
        make = partial(_prepare, backend.engine, chosen=chosen)
        prepared = _each(backend, make, plan.targets(chosen.cells))
    return 0 if all(prepared) else 3


def _each(
    backend: Backend, make: Callable[[Target], bool], targets: Sequence[Target]
) -> list[bool]:
    """Make the environments, several at a time; the newest releases first, which take longest."""
    children = processes.Children()
    if isinstance(backend, ClusterBackend):
        several, stop = backend.jobs, backend.connected.site.stop
    else:
        several, stop = made_at_once(backend.jobs), children.stop
    newest_first = sorted(targets, key=lambda target: target.release.parsed, reverse=True)
    with ThreadPoolExecutor(several, "build", initializer=children.own_thread) as pool:
        try:
            return list(pool.map(make, newest_first))
        except BaseException:
            stop()
            raise


def _prepare(engine: Maker, target: Target, chosen: Selection) -> bool:
    """Make one environment and print the result; returns False if it could not be made."""
    refusal = engine.refuses(target)
    if refusal is not None:
        log.print_answer(f"{target.release.version} {target.device}: skipped: {refusal}")
        return True
    environment = locks.environment(target, chosen.matrix.images)
    started = time.monotonic()
    try:
        engine.prepare(environment, _quiet)
    except PrepareError as error:
        log.print_answer(f"{environment.id}: {error}", err=True)
        return False
    log.print_answer(f"{environment.id}: ready after {time.monotonic() - started:.1f} s")
    return True


def _quiet(_: Phase) -> None:
    pass
