"""Carries a plan out: prepares environments, measures their cells, writes the journal, and removes
environments.

The caller's thread decides and writes. Slow work goes to two executors, which return futures. Any
`concurrent.futures.Executor` will do: threads here, or workers of another machine.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Optional

from attrs import define, evolve

from runner.cells import modes
from runner.cells.modes import Mode
from runner.cells.results import skipped
from runner.cells.snapshot import reading
from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store
from runner.cells.suites import rows
from runner.errors import EngineLostError, TfmatrixError
from runner.machine import claims
from runner.model import Cell, Environment, Execution, Result
from runner.pipeline import events
from runner.pipeline.answers import Answers
from runner.pipeline.disk import DiskLimit, Forecast
from runner.pipeline.options import Options
from runner.pipeline.site import PREPARING, Workers
from runner.pipeline.tasks import Measure, Prepare
from runner.pipeline.workload import Batch
from runner.runs.journal import Journal

CONFIRMING = Mode(name="fresh", reason="a second look: its neighbours say otherwise")
DEFAULTS = Options()
STOPPING = 20.0
"""Seconds that running cells may take to end after a stop."""


@define(kw_only=True, eq=False)
class _Open:
    """An environment that is being made, or has cells that are not measured yet."""

    batch: Batch
    left: int
    since: float


class Pipeline:
    """Carries out plans, one after the other.

    Not for use by several threads; only `stop` and `abandon` may be called from any.
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
    ) -> None:
        """`snapshots`: repro name → its files; `forecast`: the disk's limit, to be kept."""
        self._workers = workers
        self._site = workers.site
        self._answers = Answers(store, snapshots, options)
        self._journal = journal
        self._snapshots = snapshots
        self._options = options
        self._emit = emit
        self._stopping = False
        self._confirming = False
        self._kept = 0
        self._made: set[str] = set()
        """Environments that this run made. Others are not removed."""
        self._disk = DiskLimit(forecast, self._drop)
        self._readiness: dict[str, int] = {}
        """Readiness of the needed environments, until they are removed."""
        self._claim: Optional[claims.Claim] = None
        self._futures: set[Future[Any]] = set()
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def run(self, batches: Sequence[Batch], *, confirm: bool = False) -> None:
        """Measure everything.

        With `confirm` all is measured once more, and the known result counts as a vote. Raises
        KeyboardInterrupt and `EngineLostError` after stopping; all measurements are kept.
        """
        self._confirming = confirm
        rest = [
            left
            for batch in batches
            if (left := batch if confirm else self._answer_from_store(batch)).cells
        ]
        rest = [batch for batch in rest if not self._left_out(batch)]
        self._site.expect([batch.environment for batch in rest])
        self._readiness = {
            batch.environment.key: self._site.readiness(batch.environment) for batch in rest
        }
        waiting = deque(sorted(rest, key=lambda batch: -self._readiness[batch.environment.key]))
        opened: set[str] = set()
        with claims.claim([batch.environment for batch in batches], self._folders()) as self._claim:
            try:
                while opened or (waiting and not self._stopping):
                    while waiting and not self._stopping and self._may_open(waiting[0], opened):
                        self._prepare(waiting.popleft(), opened)
                    self._done.get()()
            except BaseException:
                self.stop()
                self._take_in()
                raise

    def _folders(self) -> list[Path]:
        """The folders that `clean` must not remove during the run."""
        snapshots = self._snapshots.values()
        return [self._journal.folder, *(each.workspace.folder for each in snapshots)]

    def _left_out(self, batch: Batch) -> bool:
        """Whether the disk can never have room for it; if so, its cells are skipped."""
        why_not = self._disk.why_not(batch.environment)
        for cell in batch.cells if why_not else ():
            result = skipped(cell, batch.environment.id, why_not or "")
            self._emit(events.Ended(result=self._journal.append(result, "")))
        return why_not is not None

    def _may_open(self, batch: Batch, opened: set[str]) -> bool:
        """Whether one more may be prepared; others may be removed to make room."""
        return len(opened) < self._most_open and self._disk.make_room(batch.environment)

    def stop(self) -> None:
        """End running cells and start no more."""
        self.abandon()
        self._site.stop()

    def abandon(self) -> None:
        """Start no more cells; running ones are finished and recorded."""
        self._stopping = True
        for future in list(self._futures):
            future.cancel()

    def _take_in(self) -> None:
        """Record measurements that came before the stop and wait in the queue."""
        wait(list(self._futures), timeout=STOPPING)
        while not self._done.empty():
            self._done.get()()

    def stored(self, batch: Batch, cell: Cell) -> Optional[Execution]:
        """What the store has of a cell, unless it is to be measured again."""
        return self._answers.usable(cell, self._key(batch, cell))

    @property
    def _most_open(self) -> int:
        """Environments may be made long before their use, unless they are removed after it."""
        return 10**6 if self._options.keep is None else self._options.jobs + PREPARING

    def _submit(
        self,
        executor: Executor,
        call: Callable[[Any], Any],
        argument: object,
        then: Callable[[Future[Any]], None],
    ) -> None:
        """Run `call(argument)` in the executor, and `then` in this thread."""
        try:
            future = executor.submit(call, argument)
        except RuntimeError as error:  # no thread can be started
            remedy = "free memory, or run fewer at a time: --jobs 1"
            raise TfmatrixError(str(error), remedy=remedy) from error
        self._futures.add(future)
        future.add_done_callback(lambda done: self._done.put(partial(self._end, done, then)))

    def _end(self, future: Future[Any], then: Callable[[Future[Any]], None]) -> None:
        self._futures.discard(future)
        then(future)

    # -- stored answers -------------------------------------------------------------------------

    def _answer_from_store(self, batch: Batch) -> Batch:
        """Put known results into the journal. Returns the batch with the other cells."""
        left: list[Cell] = []
        known: list[tuple[Result, str]] = []
        ended: list[tuple[Cell, int]] = []
        for cell in batch.cells:
            key = self._key(batch, cell)
            execution = self._answers.usable(cell, key)
            if execution is None:
                left.append(cell)
                continue
            found = rows.results(cell, batch.environment.id, execution, cached=True)
            known += [(evolve(result, key=key), output) for result, output in found]
            ended.append((cell, len(found)))
        results = iter(self._journal.append_known(known))
        for cell, count in ended:
            self._tell_ended(batch, cell, list(itertools.islice(results, count)))
        return evolve(batch, cells=tuple(left))

    def _key(self, batch: Batch, cell: Cell) -> str:
        return self._answers.key(self._site.name, batch.environment, cell)

    def _mode(self, cell: Cell) -> Mode:
        return CONFIRMING if self._confirming else self._answers.mode_for(cell)

    # -- preparing ------------------------------------------------------------------------------

    def _prepare(self, batch: Batch, opened: set[str]) -> None:
        environment = batch.environment
        opened.add(environment.key)
        if self._readiness.get(environment.key):
            self._workers.coming.add(environment.key)
        one = _Open(batch=batch, left=len(batch.cells), since=time.monotonic())

        def close() -> None:
            opened.discard(environment.key)
            self._finished(environment)

        def when_prepared(future: Future[None]) -> None:
            self._workers.coming.discard(environment.key)
            try:
                future.result()
            except Exception as error:
                self._raise_if_lost(error)
                opened.discard(environment.key)
                self._disk.forget(environment)
                if not self._stopping:
                    self._unprepared(batch, error)
            else:
                self._prepared(one, close)

        task = Prepare(environment=environment)
        self._submit(self._workers.prepare, self._site.prepare, task, when_prepared)

    def _prepared(self, one: _Open, close: Callable[[], None]) -> None:
        seconds = time.monotonic() - one.since
        self._emit(events.Prepared(environment=one.batch.environment, seconds=seconds))
        self._disk.record_size(one.batch.environment)
        if not self._readiness.get(one.batch.environment.key):
            self._made.add(one.batch.environment.key)
        for cell in one.batch.cells:
            self._measure(one, cell, close)

    def _unprepared(self, batch: Batch, error: Exception) -> None:
        reason = _reason(error)
        self._emit(
            events.Unprepared(
                environment=batch.environment, reason=str(error), cells=len(batch.cells)
            )
        )
        for cell in batch.cells:
            trouble = f"the environment could not be prepared: {reason}"
            execution = Execution(trouble=trouble, output=getattr(error, "log", ""))
            self._record(batch, cell, execution, self._key(batch, cell))

    # -- measuring ------------------------------------------------------------------------------

    def _measure(self, one: _Open, cell: Cell, close: Callable[[], None]) -> None:
        batch = one.batch
        task = Measure(
            environment=batch.environment,
            cell=cell,
            snapshot=self._snapshots[cell.repro.name],
            mode=self._mode(cell).name,
            repeat=self._options.repeat,
        )

        def when_measured(future: Future[Execution]) -> None:
            self._measured(batch, cell, future)
            one.left -= 1
            if not one.left:
                close()

        self._submit(self._workers.measure, self._site.measure, task, when_measured)

    def _measured(self, batch: Batch, cell: Cell, future: Future[Execution]) -> None:
        try:
            execution = future.result()
        except Exception as error:
            self._raise_if_lost(error)
            worker = getattr(error, "worker", "")
            execution = Execution(trouble=f"the cell was lost: {_reason(error)}", worker=worker)
        if self._stopping and execution.trouble is not None:
            return  # a cell that was cut off by the stop is no measurement
        execution = reading.compared(execution, self._snapshots[cell.repro.name])
        why = modes.explained(execution, self._mode(cell), self._options.repeat)
        execution = evolve(execution, mode_reason=why)
        key = self._key(batch, cell)
        before = self._answers.known(cell, key) if self._confirming else None
        if before is not None:
            execution = rows.with_another_vote(cell, before, execution)
        kept = reading.reusable(execution) and not cell.repro.network
        if rows.is_evidence(execution) and kept:
            self._answers.remember(key, execution)
        self._record(batch, cell, execution, key)

    def _raise_if_lost(self, error: Exception) -> None:
        """A lost engine ends the run; while it stops, remaining results are still recorded."""
        if isinstance(error, EngineLostError) and not self._stopping:
            raise error

    def _record(self, batch: Batch, cell: Cell, execution: Execution, key: str) -> None:
        found = rows.results(cell, batch.environment.id, execution)
        last = len(found) - 1
        results = [
            self._journal.append(evolve(result, key=key), output, sync=at == last)
            for at, (result, output) in enumerate(found)
        ]
        self._tell_ended(batch, cell, results)

    def _tell_ended(self, batch: Batch, cell: Cell, results: Sequence[Result]) -> None:
        name, last = cell.case.name, len(results) - 1
        for at, result in enumerate(results):
            self._emit(events.Ended(result=result, case=name, last=at == last))
        if not results:
            where = batch.environment.id
            self._emit(events.Empty(repro=cell.repro.name, case=name, environment=where))

    # -- dropping -------------------------------------------------------------------------------

    def _finished(self, environment: Environment) -> None:
        if not self._options.keep_agents:
            self._site.release(environment)
        self._disk.release(environment)
        if self._options.keep is None or environment.key not in self._made:
            return
        size = self._site.disk_size(environment)
        if self._kept + size <= self._options.keep:
            self._kept += size
            return
        self._disk.forget(environment)
        self._drop(environment)

    def _drop(self, environment: Environment) -> None:
        self._readiness.pop(environment.key, None)
        if self._claim is None or self._claim.alone(environment):
            with suppress(TfmatrixError, OSError):  # another program uses it
                self._site.remove(environment)
                self._emit(events.Dropped(environment=environment))


def _reason(error: Exception) -> str:
    return error.one_line if isinstance(error, TfmatrixError) else str(error) or repr(error)
