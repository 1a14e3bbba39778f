"""An executor that keeps workers on a warm environment and within memory.

Tasks with the same `group` share something that is slow to start (an environment with TensorFlow
imported in it), so a worker stays with a group while the group has tasks. Another worker joins only
if the remaining tasks are worth a second start. The tasks on one machine never need more memory
than it has. A task without a group runs as in a `ThreadPoolExecutor`.

A worker is a thread of this process. Its machine carries out the tasks: `Machine` is this one, and
others may be added, and may be lost at any moment.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, Optional, TypeVar

from attrs import define, field

T = TypeVar("T")
MANY = 8
"""A second worker joins a group without measured times if this many tasks are left."""
TRIES = 2
"""Machines on which a task may fail before it is given up."""


class TryElsewhere(Exception):
    """A machine cannot do a task; another may. If none can, the cause is reported."""

    loses = False
    """Whether the machine gets no more tasks."""

    def __init__(self, why: str, *, result: Any = None) -> None:
        """`result` is used if all retries fail; the task itself may be the cause."""
        super().__init__(why)
        self.result = result


class MachineUnfit(TryElsewhere):
    """A machine cannot do any task."""

    loses = True


class MachineLost(TryElsewhere):
    """A machine was lost during a task, which may be the cause."""

    loses = True


class Machine:
    """A place where tasks are carried out: this process."""

    name = ""

    def __init__(self, memory_mb: float = float("inf")) -> None:
        self.memory_mb = memory_mb
        self.lost = False
        self.holds: set[str] = set()
        """Groups that have had a task here; their next task starts sooner."""

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Call `fn` and wait. Raises what `fn` raises, or `MachineLost`."""
        return fn(*args)

    def takes(self, task: Any) -> bool:
        """Whether the task may run here at all."""
        return True

    def price(self, task: Any) -> float:
        """Seconds to make the task's environment here, if it does not exist yet."""
        return 0.0

    def mark_lost(self) -> None:
        """Mark it as lost, so that nobody waits for its results."""
        self.lost = True


@define(kw_only=True, eq=False)
class _Job:
    future: Future[Any]
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    tries: int = 0
    """Failed tries that the task itself may have caused."""
    avoid: set[Machine] = field(factory=set)
    """Machines that tried the task and failed."""

    @property
    def task(self) -> Any:
        return self.args[0] if self.args else None


@define(kw_only=True, eq=False)
class _Seat:
    """A machine in a pool, and its running tasks."""

    machine: Machine
    running: int = 0
    used_mb: float = 0.0


@define(kw_only=True, eq=False)
class _Group:
    """The waiting tasks of a group, and the times of its tasks so far."""

    name: str
    waiting: deque[_Job] = field(factory=deque)
    workers: int = 0
    started: float = 0.0
    """Seconds of the last first task of a worker, with the start of what the group shares."""
    seconds: float = 0.0
    """Seconds of all other tasks."""
    count: int = 0
    """The number of other tasks."""

    def record_time(self, seconds: float, came: bool) -> None:
        if came:
            self.started = seconds
        else:
            self.seconds += seconds
            self.count += 1

    def takes(self, machine: Machine) -> bool:
        """Whether the machine may have the next task."""
        job = self.waiting[0]
        return machine not in job.avoid and machine.takes(job.task)

    def seconds_saved(self, machine: Machine) -> float:
        """Seconds that one more worker would save; 0 if it saves less than its start costs."""
        price = machine.price(self.waiting[0].task)
        if not self.count:
            return 0.0 if price else float(max(0, len(self.waiting) - MANY + 1))
        left = len(self.waiting) * self.seconds / self.count
        return max(0.0, left - left / (max(1, self.workers) + 1) - self.started - price)


class Pool(Executor):
    """Workers on machines. `need` tells how many MiB a task needs; `coming` tells whether tasks of
    another group will come soon, so that a free worker should wait for them."""

    def __init__(
        self,
        *,
        need: Callable[[Any], float] = lambda _: 0.0,
        coming: Callable[[], bool] = lambda: False,
    ) -> None:
        self._need = need
        self._coming = coming
        self._changed = threading.Condition()
        self._groups: dict[str, _Group] = {}
        self._threads: list[threading.Thread] = []
        self._machines: set[Machine] = set()
        self.running = 0
        """Tasks that are being carried out."""
        self._closed = False
        self._hopeless: Optional[Exception] = None

    def add_workers(self, machine: Machine, workers: int) -> None:
        """Start `workers` more workers on that machine."""
        with self._changed:
            self._machines.add(machine)
            seat = _Seat(machine=machine)
            for _ in range(workers):
                name = f"worker-{len(self._threads)}"
                thread = threading.Thread(target=self._work, args=(seat,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def remove_machine(self, machine: Machine) -> None:
        """Give the machine no more tasks, and do not wait for its running tasks."""
        with self._changed:
            machine.mark_lost()
            self._machines.discard(machine)
            self._changed.notify_all()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Like any executor's `submit`. If the first argument is a task, it has a `group`."""
        future: Future[T] = Future()
        call = (lambda *given: fn(*given, **kwargs)) if kwargs else fn
        job = _Job(future=future, fn=call, args=args)
        with self._changed:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._hopeless is None:
                self._group(job).waiting.append(job)
                self._changed.notify_all()
                return future
        future.set_exception(self._hopeless)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._changed:
            self._closed = True
            if cancel_futures:
                for group in self._groups.values():
                    while group.waiting:
                        group.waiting.pop().future.cancel()
            self._changed.notify_all()
        if wait:
            for thread in self._threads:
                thread.join()

    @property
    def stuck(self) -> bool:
        """Whether there are machines, nothing runs, and none accepts a waiting task."""
        with self._changed:
            groups = [group for group in self._groups.values() if group.waiting]
            free = bool(groups and self._there) and not self.running
            return free and not any(g.takes(one) for g in groups for one in self._there)

    def give_up(self, reason: Exception, *, for_good: bool = False) -> None:
        """Fail the waiting tasks with `reason`, because no machine can do them.

        `for_good`: fail tasks too that are submitted later or come back undone.
        """
        with self._changed:
            self._hopeless = reason if for_good else None
            jobs = [job for group in self._groups.values() for job in group.waiting]
            for group in self._groups.values():
                group.waiting.clear()
        for job in jobs:
            if job.avoid or job.future.set_running_or_notify_cancel():
                job.future.set_exception(reason)

    @property
    def _there(self) -> set[Machine]:
        return {machine for machine in self._machines if not machine.lost}

    def _group(self, job: _Job) -> _Group:
        name = getattr(job.task, "group", None)
        if name is None:  # It is a group of its own.
            return self._groups.setdefault(_lone(job), _Group(name=""))
        return self._groups.setdefault(name, _Group(name=name))

    # -- a worker -------------------------------------------------------------------------------

    def _work(self, seat: _Seat) -> None:
        """A worker thread: take a task, carry it out, prefer the next one of the same group."""
        machine, group = seat.machine, None
        while True:
            with self._changed:
                before, group = group, self._join(seat, group)
                if group is None:
                    return
                job = group.waiting.popleft()
                if not group.name:
                    del self._groups[_lone(job)]
                need = self._need(job.task)
                seat.running += 1
                seat.used_mb += need
                self.running += 1
            started = time.monotonic()
            done = self._carry_out(machine, job)
            with self._changed:
                group.record_time(time.monotonic() - started, came=group is not before)
                if group.name and done:
                    machine.holds.add(group.name)
                seat.running -= 1
                seat.used_mb -= need
                self.running -= 1
                self._changed.notify_all()

    def _carry_out(self, machine: Machine, job: _Job) -> bool:
        """Whether the machine could carry out the task."""
        if not job.avoid and not job.future.set_running_or_notify_cancel():
            return False
        try:
            result = machine.call(job.fn, *job.args)
        except TryElsewhere as error:
            if error.loses:
                self.remove_machine(machine)
            self._elsewhere(job, machine, error)
            return False
        except BaseException as error:  # as in ThreadPoolExecutor, the caller gets the error
            job.future.set_exception(error)
            return False
        job.future.set_result(result)
        return True

    def _elsewhere(self, job: _Job, machine: Machine, error: TryElsewhere) -> None:
        """Retry on another machine; if none can take it, this result is final."""
        job.avoid.add(machine)
        job.tries += isinstance(error, MachineLost) or error.result is not None
        if job.tries < TRIES and self._again(job):
            return
        if error.result is not None:
            job.future.set_result(error.result)
        else:
            job.future.set_exception(error.__cause__ or error)

    def _again(self, job: _Job) -> bool:
        """Whether another machine shall try the task."""
        with self._changed:
            others = self._there - job.avoid
            # If there is no machine at all, one may still come.
            none = self._there and not any(one.takes(job.task) for one in others)
            if self._closed or self._hopeless or none:
                return False
            self._group(job).waiting.appendleft(job)
            self._changed.notify_all()
            return True

    # -- where to go next -----------------------------------------------------------------------

    def _join(self, seat: _Seat, group: Optional[_Group]) -> Optional[_Group]:
        """Wait for a group that has a task for this worker. None when there will be no more."""
        if group is not None:
            group.workers -= 1
        while not seat.machine.lost:
            found = self._choose(seat, group)
            if group is not None and group.waiting and found is not group:
                self._changed.notify_all()  # another worker gets its remaining tasks
                group = None
            if found is not None:
                found.workers += 1
                return found
            if self._closed and not any(one.waiting for one in self._groups.values()):
                return None
            self._changed.wait()
        self._changed.notify_all()  # a lost machine's tasks too
        return None

    def _choose(self, seat: _Seat, last: Optional[_Group]) -> Optional[_Group]:
        """The next group of a worker that was with `last`: the same, a new one, or one to join."""
        if last is not None and last.waiting and last.takes(seat.machine):
            wanted: Optional[_Group] = last
        else:
            wanted = next(self._wanted(seat.machine), None)
        return wanted if wanted is not None and self._fits(seat, wanted) else None

    def _wanted(self, machine: Machine) -> Iterator[_Group]:
        """Groups for a worker of the machine, the best first."""
        groups = [g for g in self._groups.values() if g.waiting and g.takes(machine)]
        alone = [group for group in groups if not group.workers]
        yield from (group for group in alone if group.name in machine.holds)
        yield from (group for group in alone if not self._held(group))
        if self._coming():
            return
        gains = ((group.seconds_saved(machine), group) for group in groups)
        best = max(gains, key=lambda pair: pair[0], default=(0.0, None))
        if best[0] > 0 and best[1] is not None:
            yield best[1]

    def _held(self, group: _Group) -> bool:
        """Whether some machine can start on the group at once."""
        holding = (one for one in self._there if group.name in one.holds)
        return any(group.takes(one) for one in holding)

    def _fits(self, seat: _Seat, group: _Group) -> bool:
        """Whether the group's next task fits into memory. A task that runs alone always may."""
        if not seat.running:
            return True
        return seat.used_mb + self._need(group.waiting[0].task) <= seat.machine.memory_mb


def _lone(job: _Job) -> str:
    return f"task {id(job)}"


def local_pool(
    jobs: int,
    *,
    memory_mb: float = float("inf"),
    need: Callable[[Any], float] = lambda _: 0.0,
    coming: Callable[[], bool] = lambda: False,
) -> Pool:
    """`jobs` workers in this process, which together have `memory_mb` MiB."""
    pool = Pool(need=need, coming=coming)
    pool.add_workers(Machine(memory_mb), jobs)
    return pool
