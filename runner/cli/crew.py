"""Who carries a plan out: this machine, or a cluster's workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional, TypeVar

import click
from rich.console import Console

from runner import engines
from runner.machine import units
from runner.pipeline import events
from runner.pipeline.crew import Crew, Here, There

F = TypeVar("F", bound=Callable[..., Any])


def options(command: F) -> F:
    """The options that choose a crew: the same for run, watch, bisect and build."""
    for option in reversed(
        (
            click.option(
                "--engine",
                type=click.Choice(["auto", *engines.ENGINES]),
                default="auto",
                help="auto (default): docker where a daemon answers, else local.",
            ),
            click.option(
                "--cluster",
                metavar="ADDRESS",
                help="The workers of a Dask scheduler do it; local:N starts N here.",
            ),
        )
    ):
        command = option(command)
    return command


@contextmanager
def crew(
    console: Console,
    *,
    engine: str,
    cluster: Optional[str],
    jobs: Optional[int] = None,
    memory: Optional[str] = None,
    idle: float = 0.25,
) -> Iterator[Crew]:
    """The crew that a command line asks for. Raises where there is none, with the remedy."""

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    jobs = jobs or os.cpu_count() or 2
    if cluster is None:
        memory_mb = units.size(memory) / 2**20 if memory else None
        yield Here(engine=engines.choose(engine, say), jobs=jobs, memory_mb=memory_mb, idle=idle)
        return
    from runner.pipeline.cluster import connect

    relay = events.Relay()
    with connect(cluster, engine, relay, say) as (far, connected):
        yield There(engine=far, jobs=far.threads, connected=connected, relay=relay)
