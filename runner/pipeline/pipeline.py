"""Carries out a plan: prepares environments, measures cells, writes the journal, removes
environments.

The caller's thread decides and writes. Slow work goes to two executors, which return futures. Any
`concurrent.futures.Executor` will do: threads here, or workers on another machine.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Optional

from attrs import define, evolve

from runner.cells import modes
from runner.cells.exchange.unsaved import with_unsaved
from runner.cells.modes import Mode
from runner.cells.snapshot import reading
from runner.cells.snapshot.record import Snapshot, snapshot_of
from runner.cells.store import Store
from runner.cells.suites import rows
from runner.errors import EngineLostError, TfmatrixError
from runner.model import UNPREPARED, Cell, Execution
from runner.pipeline import events
from runner.pipeline.answers import Answers
from runner.pipeline.calls import Calls
from runner.pipeline.disk import Forecast
from runner.pipeline.options import Options
from runner.pipeline.recorder import Collect, Recorder, ignore
from runner.pipeline.run_environments import RunEnvironments
from runner.pipeline.site import Workers, made_at_once
from runner.pipeline.tasks import Measure, Prepare, alone_marked
from runner.pipeline.workload import Batch
from runner.runs.journal import Journal

CONFIRMING = Mode(name="fresh", reason="a second look: its neighbours say otherwise")
DEFAULTS = Options()
STOPPING = 20.0
"""Seconds within which running cells must end after a stop."""


@define(kw_only=True, eq=False)
class _Open:
    """An environment that is being made, or that has unmeasured cells."""

    batch: Batch
    left: int
    seconds: float = 0.0
    """How long it took to make; the wait for its turn does not count."""


class Pipeline:
    """Carries out plans, one after the other.

    Not thread-safe, except `stop` and `abandon`.
    """

    def __init__(
        self,
        *,
        workers: Workers,
        store: Store,
        journal: Journal,
        snapshots: Mapping[str, Snapshot],
        emit: events.Emit,
        options: Options = DEFAULTS,
        forecast: Optional[Forecast] = None,
        collect: Collect = ignore,
    ) -> None:
        """`snapshots`: repro name → its files. `forecast` holds the limit on the disk."""
        self._workers = workers
        self._site = workers.site
        self._answers = Answers(store, snapshots, options)
        self._folder = journal.folder
        self._recorder = Recorder(journal, emit, collect)
        self._snapshots = snapshots
        self._options = options
        self._emit = emit
        self._stopping = False
        self._confirming = False
        self._environments = RunEnvironments(workers.site, options, forecast, emit)
        self._calls = Calls()

    def run(self, batches: Sequence[Batch], *, confirm: bool = False) -> None:
        """Measures everything.

        With `confirm`, everything is measured once more, and the known result counts as a vote.
        Raises KeyboardInterrupt and `EngineLostError` after stopping; all measurements are kept.
        """
        self._confirming = confirm
        rest = [
            left
            for batch in batches
            if (left := batch if confirm else self._answer_from_store(batch)).cells
        ]
        rest = [batch for batch in rest if not self._left_out(batch)]
        self._environments.expect([batch.environment for batch in rest])
        readiness = self._environments.readiness
        waiting = deque(sorted(rest, key=lambda batch: -readiness(batch.environment)))
        opened: set[str] = set()
        environments = [batch.environment for batch in batches]
        with self._environments.claimed(environments, self._folders()):
            try:
                while opened or (waiting and not self._stopping):
                    while waiting and not self._stopping and self._may_open(waiting[0], opened):
                        self._prepare(waiting.popleft(), opened)
                    self._calls.wait_for_next()
            except BaseException:
                self.stop()
                self._calls.wait_for_all(STOPPING)
                raise

    def _folders(self) -> list[Path]:
        """The folders that `clean` must not remove during the run."""
        snapshots = self._snapshots.values()
        return [self._folder, *(each.workspace.folder for each in snapshots)]

    def _left_out(self, batch: Batch) -> bool:
        """Whether the disk can never have room for it; its cells are then skipped."""
        why_not = self._environments.why_not(batch.environment)
        for cell in batch.cells if why_not else ():
            self._recorder.record_skipped(batch.environment, cell, why_not or "")
        return why_not is not None

    def _may_open(self, batch: Batch, opened: set[str]) -> bool:
        """Whether one more may be prepared; if needed, others are removed to make room."""
        return len(opened) < self._most_open and self._environments.make_room(batch.environment)

    def stop(self) -> None:
        """Ends running cells and starts no more."""
        self.abandon()
        self._site.stop()

    def abandon(self) -> None:
        """Starts no more cells; running ones finish and are recorded."""
        self._stopping = True
        self._calls.cancel()

    def stored(self, batch: Batch, cell: Cell) -> Optional[Execution]:
        """The stored measurement of a cell, unless it must be measured again."""
        found = self._answers.usable(cell, self._keys(batch, cell))
        return None if found is None else found[1]

    @property
    def keepable(self) -> Optional[int]:
        """The bytes of environments that may still be made and kept; None if there is no limit."""
        return self._environments.keepable

    @property
    def _most_open(self) -> int:
        """The number of environments to make in advance; limited if
        they are removed after their use."""
        if self._options.keep is None:
            return 10**6
        return self._options.jobs + made_at_once(self._options.jobs)

    # -- stored answers -------------------------------------------------------------------------

    def _answer_from_store(self, batch: Batch) -> Batch:
        """Writes stored results to the journal. Returns the batch with the other cells."""
        left: list[Cell] = []
        known: list[tuple[Cell, Execution, str]] = []
        for cell in batch.cells:
            answer = self._answers.usable(cell, self._keys(batch, cell))
            if answer is None:
                left.append(cell)
            else:
                known.append((cell, answer[1], answer[0]))
        self._recorder.record_known(batch.environment, known)
        return evolve(batch, cells=tuple(left))

    def _keys(self, batch: Batch, cell: Cell) -> list[str]:
        return self._answers.keys(self._site, batch.environment, cell)

    def _key(self, batch: Batch, cell: Cell, execution: Execution) -> str:
        """The cell's key on the machine that measured it."""
        return self._answers.key(self._site.name, batch.environment, cell, execution.machine)

    def _mode(self, cell: Cell) -> Mode:
        return CONFIRMING if self._confirming else self._answers.mode_for(cell)

    # -- preparing ------------------------------------------------------------------------------

    def _prepare(self, batch: Batch, opened: set[str]) -> None:
        environment = batch.environment
        opened.add(environment.key)
        if self._environments.readiness(environment):
            self._workers.coming.add(environment.key)
        one = _Open(batch=batch, left=len(batch.cells))

        def make(*args: object) -> None:
            started = time.monotonic()
            self._site.prepare(*args)
            one.seconds = time.monotonic() - started

        def close() -> None:
            opened.discard(environment.key)
            self._environments.finish(environment)

        def when_prepared(future: Future[None]) -> None:
            self._workers.coming.discard(environment.key)
            try:
                future.result()
            except Exception as error:
                self._raise_if_lost(error)
                opened.discard(environment.key)
                self._environments.record_unprepared(environment)
                if not self._stopping:
                    self._unprepared(batch, error)
            else:
                self._prepared(one, close)

        task = Prepare(environment=environment)
        self._calls.submit(self._workers.prepare, make, task, when_prepared)

    def _prepared(self, one: _Open, close: Callable[[], None]) -> None:
        self._emit(events.Prepared(environment=one.batch.environment, seconds=one.seconds))
        self._environments.record_prepared(one.batch.environment)
        tasks = [self._task(one.batch, cell) for cell in one.batch.cells]
        # An agent that stays serves later cells, too; and `--mode fork` asks for forks.
        if not self._options.keep_agents and self._options.mode != "fork":
            tasks = alone_marked(tasks)
        for task in tasks:
            self._measure(one, task, close)

    def _unprepared(self, batch: Batch, error: Exception) -> None:
        reason = _reason(error)
        self._emit(
            events.Unprepared(
                environment=batch.environment, reason=str(error), cells=len(batch.cells)
            )
        )
        for cell in batch.cells:
            trouble = f"{UNPREPARED}{reason}"
            execution = Execution(trouble=trouble, output=getattr(error, "log", ""))
            key = self._key(batch, cell, execution)
            self._recorder.record(batch.environment, cell, execution, key)

    # -- measuring ------------------------------------------------------------------------------

    def _task(self, batch: Batch, cell: Cell) -> Measure:
        mode = self._mode(cell)
        return Measure(
            environment=batch.environment,
            cell=cell,
            snapshot=snapshot_of(cell, self._snapshots),
            mode=mode.name,
            prologue=mode.prologue,
            repeat=self._options.repeat,
            path=""
            if cell.repro.suite
            else str(Path.cwd() / cell.repro.home / cell.repro.script.name),
        )

    def _measure(self, one: _Open, task: Measure, close: Callable[[], None]) -> None:
        def when_measured(future: Future[Execution]) -> None:
            self._measured(one.batch, task, future)
            one.left -= 1
            if not one.left:
                close()

        self._calls.submit(self._workers.measure, self._site.measure, task, when_measured)

    def _measured(self, batch: Batch, task: Measure, future: Future[Execution]) -> None:
        cell = task.cell
        try:
            execution = future.result()
        except Exception as error:
            self._raise_if_lost(error)
            worker = getattr(error, "worker", "")
            execution = Execution(trouble=f"the cell was lost: {_reason(error)}", worker=worker)
        if self._stopping and execution.trouble is not None:
            return  # A cell that the stop cut off was not measured.
        execution = with_unsaved(reading.with_reads(execution, task.snapshot), task.snapshot)
        why = modes.why_fresh_instead(execution, self._mode(cell), task.repeat, alone=task.alone)
        execution = evolve(execution, mode_reason=why)
        key = self._key(batch, cell, execution)
        keys = [key, *self._keys(batch, cell)] if self._confirming else []
        before = self._answers.known(cell, keys)
        if before is not None:
            execution = rows.with_another_vote(cell, before[1], execution)
        kept = reading.is_reusable(execution) and not cell.repro.network
        if rows.is_evidence(cell, execution) and kept:
            self._answers.remember(key, execution)
        self._recorder.record(batch.environment, cell, execution, key)

    def _raise_if_lost(self, error: Exception) -> None:
        """Raises the error if the engine is lost. During a stop,
        remaining results are still recorded."""
        if isinstance(error, EngineLostError) and not self._stopping:
            raise error


def _reason(error: Exception) -> str:
    return error.one_line if isinstance(error, TfmatrixError) else str(error) or repr(error)
