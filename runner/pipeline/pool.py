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
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, Optional, TypeVar

from runner.pipeline.task_groups import MachineLoad, PendingCall, TaskGroup
from runner.pipeline.task_machine import Machine, MachineLost, TryElsewhere

T = TypeVar("T")
TRIES = 2
"""A task may fail on this many machines before it is given up."""


class Pool(Executor):
    """Workers on machines.

    `need` returns the MiB that a task needs. `coming` returns whether tasks of another group come
    soon, so that a free worker should wait for them.
    """

    def __init__(
        self,
        *,
        need: Callable[[Any], float] = lambda _: 0.0,
        coming: Callable[[], bool] = lambda: False,
    ) -> None:
        self._need = need
        self._coming = coming
        self._changed = threading.Condition()
        self._groups: dict[str, TaskGroup] = {}
        self._threads: list[threading.Thread] = []
        self._machines: set[Machine] = set()
        self.running = 0
        """The running tasks."""
        self._closed = False
        self._hopeless: Optional[Exception] = None

    def add_workers(self, machine: Machine, workers: int) -> None:
        """Starts `workers` more workers on that machine."""
        with self._changed:
            self._machines.add(machine)
            load = MachineLoad(machine=machine)
            for _ in range(workers):
                name = f"worker-{len(self._threads)}"
                thread = threading.Thread(target=self._work, args=(load,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def remove_machine(self, machine: Machine) -> None:
        """Gives the machine no more tasks, and does not wait for its running tasks."""
        with self._changed:
            machine.mark_lost()
            self._machines.discard(machine)
            self._changed.notify_all()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Like any executor's `submit`. If the first argument is a task, it has a `group`."""
        future: Future[T] = Future()
        call = (lambda *given: fn(*given, **kwargs)) if kwargs else fn
        pending = PendingCall(future=future, fn=call, args=args)
        with self._changed:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._hopeless is None:
                self._group(pending).waiting.append(pending)
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
        """Fails the waiting tasks with `reason`, because no machine can do them.

        `for_good`: also fails tasks that are submitted later or that a machine gives back.
        """
        with self._changed:
            self._hopeless = reason if for_good else None
            undone = [pending for group in self._groups.values() for pending in group.waiting]
            for group in self._groups.values():
                group.waiting.clear()
        for pending in undone:
            if pending.avoid or pending.future.set_running_or_notify_cancel():
                pending.future.set_exception(reason)

    @property
    def _there(self) -> set[Machine]:
        return {machine for machine in self._machines if not machine.lost}

    def _group(self, pending: PendingCall) -> TaskGroup:
        return self._groups.setdefault(pending.key, TaskGroup(name=pending.group or ""))

    # -- a worker -------------------------------------------------------------------------------

    def _work(self, load: MachineLoad) -> None:
        """A worker thread: takes a task, carries it out, and
        prefers the next one of the same group."""
        machine, group = load.machine, None
        while True:
            with self._changed:
                before, group = group, self._join(load, group)
                if group is None:
                    return
                pending = group.waiting.popleft()
                if not group.name:
                    del self._groups[pending.key]
                need = self._need(pending.task)
                load.running += 1
                load.used_mb += need
                self.running += 1
            started = time.monotonic()
            done = self._carry_out(machine, pending)
            with self._changed:
                group.record_time(time.monotonic() - started, came=group is not before)
                if group.name and done:
                    machine.holds.add(group.name)
                load.running -= 1
                load.used_mb -= need
                self.running -= 1
                self._changed.notify_all()

    def _carry_out(self, machine: Machine, pending: PendingCall) -> bool:
        """Whether the machine could carry out the task."""
        if not pending.avoid and not pending.future.set_running_or_notify_cancel():
            return False
        try:
            result = machine.call(pending.fn, *pending.args)
        except TryElsewhere as error:
            if error.loses:
                self.remove_machine(machine)
            self._elsewhere(pending, machine, error)
            return False
        except BaseException as error:  # as in ThreadPoolExecutor, the caller gets the error
            pending.future.set_exception(error)
            return False
        pending.future.set_result(result)
        return True

    def _elsewhere(self, pending: PendingCall, machine: Machine, error: TryElsewhere) -> None:
        """Retries on another machine; if none can take the task, this result is final."""
        pending.avoid.add(machine)
        pending.tries += isinstance(error, MachineLost) or error.result is not None
        if pending.tries < TRIES and self._again(pending):
            return
        if error.result is not None:
            pending.future.set_result(error.result)
        else:
            pending.future.set_exception(error.__cause__ or error)

    def _again(self, pending: PendingCall) -> bool:
        """Whether another machine should try the task."""
        with self._changed:
            others = self._there - pending.avoid
            # A machine may still come, even if there is none now.
            none = self._there and not any(one.takes(pending.task) for one in others)
            if self._closed or self._hopeless or none:
                return False
            self._group(pending).waiting.appendleft(pending)
            self._changed.notify_all()
            return True

    # -- where to go next -----------------------------------------------------------------------

    def _join(self, load: MachineLoad, group: Optional[TaskGroup]) -> Optional[TaskGroup]:
        """Waits for a group that has a task for this worker; None if no more tasks will come."""
        if group is not None:
            group.workers -= 1
        while not load.machine.lost:
            found = self._choose(load, group)
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

    def _choose(self, load: MachineLoad, last: Optional[TaskGroup]) -> Optional[TaskGroup]:
        """The next group of a worker that served `last`: the same, a new one, or one to join."""
        if last is not None and last.waiting and last.takes(load.machine):
            wanted: Optional[TaskGroup] = last
        else:
            wanted = next(self._wanted(load.machine), None)
        return wanted if wanted is not None and self._fits(load, wanted) else None

    def _wanted(self, machine: Machine) -> Iterator[TaskGroup]:
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

    def _held(self, group: TaskGroup) -> bool:
        """Whether some machine can start on the group at once."""
        holding = (one for one in self._there if group.name in one.holds)
        return any(group.takes(one) for one in holding)

    def _fits(self, load: MachineLoad, group: TaskGroup) -> bool:
        """Whether the group's next task fits into memory. A task that runs alone always fits."""
        if not load.running:
            return True
        return load.used_mb + self._need(group.waiting[0].task) <= load.machine.memory_mb


def local_pool(
    jobs: int,
    *,
    memory_mb: float = float("inf"),
    need: Callable[[Any], float] = lambda _: 0.0,
    coming: Callable[[], bool] = lambda: False,
) -> Pool:
    """A pool of `jobs` workers in this process, with `memory_mb` MiB together."""
    pool = Pool(need=need, coming=coming)
    pool.add_workers(Machine(memory_mb), jobs)
    return pool
