"""Who carries a plan out: this machine's workers, or a cluster's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Optional, Protocol

from attrs import frozen

from runner.engines.base import Engine, Maker
from runner.pipeline import events, workers
from runner.pipeline.pipeline import Workers


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
