"""Who carries a plan out: this machine, or a cluster's workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Optional, Protocol, TypeVar

import click
from attrs import frozen
from rich.console import Console

from runner import clean, engines, events, workers
from runner.engines.base import Engine, Maker
from runner.pipeline import Workers

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


class Crew(Protocol):
    """An engine, and workers that tell `emit` what they do."""

    @property
    def engine(self) -> Maker: ...
    @property
    def jobs(self) -> int: ...
    def workers(self, emit: events.Emit) -> AbstractContextManager[Workers]: ...


@frozen(kw_only=True)
class Here:
    """This machine's."""

    engine: Engine
    jobs: int
    memory_mb: Optional[float] = None
    idle: float = 0.25

    @contextmanager
    def workers(self, emit: events.Emit) -> Iterator[Workers]:
        with workers.here(
            self.engine, emit, jobs=self.jobs, memory_mb=self.memory_mb, idle=self.idle
        ) as here:
            yield here


@frozen(kw_only=True)
class There:
    """A cluster's; the connection outlives what is done with it."""

    engine: Maker
    jobs: int
    connected: Workers
    relay: events.Relay

    @contextmanager
    def workers(self, emit: events.Emit) -> Iterator[Workers]:
        self.relay.to = emit
        try:
            yield self.connected
        finally:
            self.relay.to = lambda _: None


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
        memory_mb = clean.size(memory) / 2**20 if memory else None
        yield Here(engine=engines.choose(engine, say), jobs=jobs, memory_mb=memory_mb, idle=idle)
        return
    from runner.cluster import connect

    relay = events.Relay()
    with connect(cluster, engine, relay, say) as (far, connected):
        yield There(engine=far, jobs=far.threads, connected=connected, relay=relay)
