"""Carries a plan out: prepares environments, runs their cells, journals, drops. The one place of
concurrency; everything it calls is told what to do and knows nothing of the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Optional

from attrs import evolve, field, frozen

from runner import events, processes
from runner.engines.base import Channel, Engine, Phase, Workspace
from runner.errors import PrepareError, TfmatrixError
from runner.journal import Journal
from runner.measure import Measurer
from runner.model import Cell, Device, Environment, Execution, Repro
from runner.results import judged
from runner.snapshot import Snapshot
from runner.store import Store, cell_key


@frozen(kw_only=True)
class Work:
    """One environment and the cells to measure in it."""

    environment: Environment
    cells: tuple[Cell, ...]


@frozen(kw_only=True)
class Options:
    jobs: int = 2
    """Cells that run at the same time."""
    preparers: int = 2
    """Environments prepared at the same time."""
    fresh: bool = False
    """Measure again what the store knows already."""
    modes: Mapping[str, str] = field(factory=dict)
    """Repro name → `fresh` or `fork`: how its cells are started."""
    keep: Optional[int] = None
    """Bytes of environments that may stay behind; None keeps all, 0 none."""
    snapshots: Mapping[str, Snapshot] = field(factory=dict)
    """Repro name → its snapshot."""
    agent_digest: str = ""


class Pipeline:
    """One run of a plan. `run` blocks; `stop` may be called from anywhere and ends it soon."""

    def __init__(
        self,
        *,
        engine: Engine,
        store: Store,
        journal: Journal,
        options: Options,
        emit: events.Emit,
    ) -> None:
        self._engine = engine
        self._store = store
        self._journal = journal
        self._options = options
        self._emit = emit
        self._stopping = threading.Event()
        self._measurers: set[Measurer] = set()
        self._lock = threading.Lock()
        self._left: dict[str, int] = {}
        self._kept = 0
        self._few = False
        # Where environments are dropped, no more are made ahead than the workers can soon use.
        self._room = threading.Semaphore(
            10**6 if options.keep is None else options.jobs + options.preparers
        )

    def run(self, works: Sequence[Work]) -> None:
        """Measure everything. Raises KeyboardInterrupt after stopping, with all measured kept."""
        open_works = [rest for work in works if (rest := self._answer_from_store(work)).cells]
        self._few = len(open_works) < self._options.jobs
        ready_first = sorted(
            open_works, key=lambda work: not self._engine.prepared(work.environment)
        )
        with (
            ThreadPoolExecutor(self._options.jobs, "run") as runners,
            ThreadPoolExecutor(self._options.preparers, "prepare") as preparers,
        ):
            try:
                running: list[Future[None]] = []
                preparing = [
                    preparers.submit(self._prepare, work, runners, running) for work in ready_first
                ]
                _join(preparing)
                _join(running)
            except BaseException:
                self.stop()
                for future in (*preparing, *running):
                    future.cancel()
                raise

    def stop(self) -> None:
        """End what runs, start nothing more."""
        self._stopping.set()
        processes.stop_all()
        with self._lock:
            measurers = list(self._measurers)
        for _ in range(10**3):
            self._room.release()
        for measurer in measurers:
            measurer.stop()

    # -- stored answers -------------------------------------------------------------------------

    def _answer_from_store(self, work: Work) -> Work:
        """Journal what is known already; what is left is to be measured."""
        left = []
        for cell in work.cells:
            known = None if self._options.fresh else self._store.get(self._key(work, cell))
            if known is None:
                left.append(cell)
            else:
                self._record(work, cell, known, cached=True)
        return evolve(work, cells=tuple(left))

    def _key(self, work: Work, cell: Cell) -> str:
        snapshot = self._options.snapshots[cell.repro.name]
        return cell_key(
            environment_key=f"{self._engine.name}:{work.environment.key}",
            snapshot_digest=snapshot.digest,
            script=snapshot.workspace.script,
            args=cell.case.args,
            env=cell.repro.env,
            limits=cell.repro.limits,
            agent_digest=self._options.agent_digest,
            mode=self._mode(work.environment, cell.repro),
        )

    def _mode(self, environment: Environment, repro: Repro) -> str:
        """A CUDA context does not survive a fork, so what has a GPU is never forked."""
        if environment.target.device is Device.CUDA:
            return "fresh"
        return self._options.modes[repro.name]

    # -- preparing ------------------------------------------------------------------------------

    def _prepare(
        self, work: Work, runners: ThreadPoolExecutor, running: list[Future[None]]
    ) -> None:
        self._room.acquire()
        if self._stopping.is_set():
            return
        environment = work.environment
        started = time.monotonic()
        try:
            self._engine.prepare(environment, lambda phase: self._phase(environment, phase))
        except (processes.Stopped, PrepareError) as error:
            self._room.release()
            if not self._stopping.is_set():
                self._unprepared(work, error)
            return
        self._emit(events.Prepared(environment=environment, seconds=time.monotonic() - started))
        batches = _batches(work.cells, self._options.jobs, self._few)
        with self._lock:
            self._left[environment.id] = len(batches)
            running.extend(
                runners.submit(self._measure, evolve(work, cells=batch)) for batch in batches
            )

    def _phase(self, environment: Environment, phase: Phase) -> None:
        self._emit(events.Preparing(environment=environment, phase=phase))

    def _unprepared(self, work: Work, error: Exception) -> None:
        reason = error.message if isinstance(error, TfmatrixError) else str(error)
        log = getattr(error, "log", "")
        self._emit(events.Unprepared(environment=work.environment, reason=str(error)))
        for cell in work.cells:
            trouble = Execution(trouble=f"the environment could not be prepared: {reason}")
            self._record(work, cell, evolve(trouble, output=log), cached=False)

    # -- measuring ------------------------------------------------------------------------------

    def _measure(self, work: Work) -> None:
        try:
            for repro in {id(cell.repro): cell.repro for cell in work.cells}.values():
                self._measure_repro(work, repro)
        finally:
            self._finished(work.environment)

    def _measure_repro(self, work: Work, repro: Repro) -> None:
        snapshot = self._options.snapshots[repro.name]
        measurer = self._measurer(work.environment, snapshot.workspace, repro)
        try:
            for cell in work.cells:
                if cell.repro is repro and not self._stopping.is_set():
                    self._measure_cell(work, cell, measurer)
        finally:
            measurer.close()
            with self._lock:
                self._measurers.discard(measurer)

    def _measurer(self, environment: Environment, workspace: Workspace, repro: Repro) -> Measurer:
        def open_channel() -> Channel:
            return self._engine.open(environment, workspace, repro.limits)

        mode = self._mode(environment, repro)
        measurer = Measurer(open_channel, workspace.script, mode)
        with self._lock:
            self._measurers.add(measurer)
        return measurer

    def _measure_cell(self, work: Work, cell: Cell, measurer: Measurer) -> None:
        self._emit(
            events.Started(
                repro=cell.repro.name, case=cell.case.name, environment=work.environment.id
            )
        )
        try:
            execution = measurer.measure(cell)
        except processes.Stopped:
            return
        except PrepareError as error:
            execution = Execution(trouble=error.message, output=error.log)
        if self._stopping.is_set():
            return  # What was cut off by stopping is no measurement.
        self._store.put(self._key(work, cell), execution)
        self._record(work, cell, execution, cached=False)

    def _record(self, work: Work, cell: Cell, execution: Execution, *, cached: bool) -> None:
        result = judged(cell, work.environment.id, execution, cached=cached)
        result = evolve(result, key=self._key(work, cell))
        result = self._journal.append(result, execution.output, sync=not cached)
        self._emit(events.Ended(result=result))

    # -- dropping -------------------------------------------------------------------------------

    def _finished(self, environment: Environment) -> None:
        with self._lock:
            self._left[environment.id] -= 1
            if self._left[environment.id]:
                return
        self._room.release()
        if self._options.keep is None or self._stopping.is_set():
            return
        size = self._engine.size(environment)
        with self._lock:
            if self._kept + size <= self._options.keep:
                self._kept += size
                return
        self._engine.drop(environment)
        self._emit(events.Dropped(environment=environment))


def _batches(cells: tuple[Cell, ...], jobs: int, few: bool) -> list[tuple[Cell, ...]]:
    """One batch keeps one agent busy. Few environments are shared out, so that no worker idles."""
    if not few or len(cells) < 2 * jobs:
        return [cells]
    return [cells[start::jobs] for start in range(jobs)]


def _join(futures: Sequence[Future[None]]) -> None:
    """Wait for all; the first exception of any is raised."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()
