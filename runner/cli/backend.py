"""The options that choose a backend: this machine, or a cluster's workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional, TypeVar

import click
from rich.console import Console

from runner import engines
from runner.cli import running
from runner.engines.base import Engine
from runner.engines.choice import Wanted
from runner.errors import UsageError
from runner.machine import units
from runner.machine.units import count
from runner.pipeline import Backend, ClusterBackend, LocalBackend, events
from runner.pipeline.lender import NO_LENDER, Lender
from runner.requirements import wheels

F = TypeVar("F", bound=Callable[..., Any])


engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", *engines.ENGINES]),
    default="auto",
    envvar="TFMATRIX_ENGINE",
    help="auto (default): docker if a daemon answers and can make the environments, else local. "
    "TFMATRIX_ENGINE sets it for all commands.",
)
_CLUSTER = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Run on the Dask cluster at ADDRESS; local:N starts N workers here.",
)


def options(command: F) -> F:
    """Adds the options that choose a backend, for run, watch, bisect and build."""
    return engine_option(_CLUSTER(command))


@contextmanager
def choose(
    console: Console,
    *,
    engine: str,
    cluster: Optional[str],
    jobs: Optional[int] = None,
    memory: Optional[str] = None,
    idle: float = 0.25,
    wanted: Wanted = engines.ANYTHING,
) -> Iterator[Backend]:
    """The engine and workers that the options ask for. Raises an error with a remedy if there
    are none."""

    say = running.line_printer(console)
    jobs = jobs or os.cpu_count() or 2
    if cluster is None:
        memory_mb = units.parse_size(memory) / 2**20 if memory else None
        chosen = engines.choose(engine, say, wanted)
        with _lending(chosen, say) as lender:
            yield LocalBackend(
                engine=chosen, jobs=jobs, memory_mb=memory_mb, idle=idle, lender=lender
            )
        return
    from runner.pipeline.cluster import connect

    _refuse_on_cluster()
    relay = events.Relay()
    with connect(cluster, engine, relay, say) as (cluster_engine, connected):
        yield ClusterBackend(
            engine=cluster_engine, jobs=cluster_engine.threads, connected=connected, relay=relay
        )


@contextmanager
def _lending(engine: Engine, say: Callable[[str], None]) -> Iterator[Lender]:
    """Where the engine's warm agents are borrowed. Says at the end how many were."""
    if engine.name != "local":
        yield NO_LENDER
        return
    from runner.engines.local.engine import LocalEngine
    from runner.pipeline.warm.lender import WarmLender

    assert isinstance(engine, LocalEngine)
    lender = WarmLender(engine)
    try:
        yield lender
    finally:
        if lender.lent:
            environments = count(len(lender.lent), "environment")
            say(f"TensorFlow was imported already in {environments} (tfmatrix warm)")


def _refuse_on_cluster() -> None:
    """Raises `UsageError` for options that only work for cells on this machine."""
    context = click.get_current_context(silent=True)
    params = context.params if context else {}
    asked = [f"--{name}" for name in ("data", "network") if params.get(name)]
    if any(map(wheels.is_path, params.get("packages") or ())):
        asked.append("--with a folder or a wheel")
    if asked:
        raise UsageError(
            f"{asked[0]} is for cells on this machine: it cannot be used with --cluster"
        )
