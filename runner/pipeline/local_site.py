"""The place where cells are measured: one engine on one machine, with its running agents.

An agent that has imported TensorFlow starts the next cell of its environment at once. So idle
agents are kept until their environment is released. If memory is short, the least recently used
ends first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Optional

from attrs import evolve

from runner import paths
from runner.cells.flakiness.confirmations import Confirmations, InMemory
from runner.cells.measure import Measurer
from runner.engines.base import Channel, Engine
from runner.environments import sizes
from runner.errors import EngineLostError, PrepareError
from runner.machine import processes
from runner.model import Environment, Execution
from runner.pipeline import events
from runner.pipeline.lender import NO_LENDER, Lender
from runner.pipeline.peaks import Peaks
from runner.pipeline.tasks import AgentKey, Measure, Prepare


class LocalSite:
    """Makes environments and measures cells in them. Methods may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        emit: events.Emit,
        *,
        warm_mb: float = 4096.0,
        confirmations: Optional[Confirmations] = None,
        lender: Lender = NO_LENDER,
    ) -> None:
        """`warm_mb` limits the memory of idle agents, in MiB."""
        self.name = engine.name
        self._engine = engine
        self._emit = emit
        self._warm_mb = warm_mb
        self._confirmations: Confirmations = confirmations or InMemory()
        self._lender = lender
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._children = processes.Children()
        self._idle: OrderedDict[Measurer, AgentKey] = OrderedDict()
        self._busy: set[Measurer] = set()
        self.peaks = Peaks()

    # -- environments ---------------------------------------------------------------------------

    def prepare(self, task: Prepare) -> None:
        """Makes an environment; returns at once if it exists. Raises `PrepareError`, `Stopped`."""
        environment = task.environment
        if self._stopped.is_set():
            raise processes.Stopped
        if self.readiness(environment) == 2:
            return
        there = self._engine.prepared(environment)
        with self._children.owning():
            self._engine.prepare(
                environment,
                lambda phase: self._emit(events.Preparing(environment=environment, phase=phase)),
            )
        if not there:
            sizes.record_size(self.name, environment, self._engine.disk_size(environment))

    def expect(self, environments: Sequence[Environment]) -> None:
        """Does nothing: it needs no preparation for `environments`."""

    def readiness(self, environment: Environment) -> int:
        """2 if an agent waits for a cell, 1 if the environment exists, else 0."""
        with self._lock:
            if any(key.environment == environment.key for key in self._idle.values()):
                return 2
        return int(self._engine.prepared(environment))

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        return self._engine.machine_keys(environment)

    def disk_size(self, environment: Environment) -> int:
        """Bytes on disk that removing the environment would free."""
        return self._engine.disk_size(environment)

    def remove(self, environment: Environment) -> None:
        self.release(environment)
        self._engine.remove(environment)

    # -- cells ----------------------------------------------------------------------------------

    def measure(self, task: Measure) -> Execution:
        """Measures a cell of a prepared environment; a failure becomes an execution with `trouble`.

        Raises `Stopped` and `EngineLostError`.
        """
        self._emit(
            events.Started(
                repro=task.cell.repro.name,
                case=task.cell.case.name,
                environment=task.environment.id,
            )
        )
        measurer = self._take(task)
        try:
            with self._children.owning():
                execution = measurer.measure(
                    task.cell,
                    task.snapshot,
                    task.repeat,
                    task.prologue,
                    alone=task.alone,
                    path=task.path,
                )
        except EngineLostError:
            raise
        except PrepareError as error:
            execution = Execution(trouble=error.one_line, output=error.log)
        finally:
            self._give_back(measurer, task)
        with self._lock:
            self.peaks.record(task, execution)
        return evolve(execution, machine=self._engine.machine_keys(task.environment)[0])

    @property
    def is_measuring(self) -> bool:
        """Whether a cell is being measured."""
        return bool(self._busy)

    def release(self, environment: Environment) -> None:
        """Ends the idle agents of an environment."""
        with self._lock:
            gone = [m for m, key in self._idle.items() if key.environment == environment.key]
            for measurer in gone:
                del self._idle[measurer]
        for measurer in gone:
            measurer.close()

    def stop(self) -> None:
        """Ends everything that runs, and refuses anything new."""
        self._stopped.set()
        self._children.stop()
        with self._lock:
            measurers = [*self._busy, *self._idle]
        for measurer in measurers:
            measurer.stop()

    def close(self) -> None:
        """Ends the idle agents."""
        with self._lock:
            gone = list(self._idle)
            self._idle.clear()
        for measurer in gone:
            measurer.close()

    # -- agents ---------------------------------------------------------------------------------

    def _take(self, task: Measure) -> Measurer:
        key = task.agent
        with self._lock:
            measurer = next((m for m, its in self._idle.items() if its == key), None)
            if measurer is None:
                measurer = self._new(task)
            else:
                del self._idle[measurer]
            self._busy.add(measurer)
        if self._stopped.is_set():
            measurer.stop()
        return measurer

    def _give_back(self, measurer: Measurer, task: Measure) -> None:
        with self._lock:
            self._busy.discard(measurer)
            self._idle[measurer] = task.agent
            gone = list(self._surplus())
        for one in gone:
            one.close()

    def _surplus(self) -> list[Measurer]:
        """The idle agents to end, least recently used first, so that the others fit into memory."""
        gone = []
        while len(self._idle) > 1 and self._warm() > self._warm_mb:
            gone.append(self._idle.popitem(last=False)[0])
        return gone

    def _warm(self) -> float:
        return sum(self.peaks.highest(key.environment) for key in self._idle.values())

    def _new(self, task: Measure) -> Measurer:
        def open_channel() -> Channel:
            limits = task.cell.repro.limits
            return self._lender.lend(task) or self._engine.start_agent(
                task.environment, task.snapshot.workspace, limits
            )

        # Whether a forked child's signature is trusted depends on everything that runs it.
        where = f"{self.name}:{task.environment.key}:{paths.agent_digest()}"
        return Measurer(
            open_channel, task.mode, environment=where, confirmations=self._confirmations
        )
