"""The backends that carry out a plan: the workers of this machine, or of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Optional, Protocol

from attrs import frozen

from runner.engines.base import Engine, Maker
from runner.pipeline import events
from runner.pipeline.lender import NO_LENDER, Lender
from runner.pipeline.site import Workers
from runner.pipeline.workers import local_workers


class Backend(Protocol):
    """An engine, and workers that report their progress to `emit`."""

    @property
    def engine(self) -> Maker: ...
    @property
    def jobs(self) -> int:
        """Cells that are measured at the same time."""
        ...

    def workers(self, emit: events.Emit) -> AbstractContextManager[Workers]: ...


@frozen(kw_only=True)
class LocalBackend:
    """This machine's engine and workers."""

    engine: Engine
    jobs: int
    memory_mb: Optional[float] = None
    idle: float = 0.25
    lender: Lender = NO_LENDER

    @contextmanager
    def workers(self, emit: events.Emit) -> Iterator[Workers]:
        with local_workers(
            self.engine,
            emit,
            jobs=self.jobs,
            memory_mb=self.memory_mb,
            idle=self.idle,
            lender=self.lender,
        ) as workers:
            yield workers


@frozen(kw_only=True)
class ClusterBackend:
    """A cluster's engine and workers; the connection outlives each round of work."""

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
