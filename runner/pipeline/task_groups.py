"""Tasks that share something slow to start, and what one more worker would save them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Optional

from attrs import define, field

from runner.pipeline.task_machine import Machine

MANY = 8
"""A second worker joins a group without measured times if this many tasks are left."""


@define(kw_only=True, eq=False)
class PendingCall:
    """A task that waits for a machine, and the machines that could not do it."""

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

    @property
    def group(self) -> Optional[str]:
        return getattr(self.task, "group", None)

    @property
    def key(self) -> str:
        """Its group's; a call without a group is one by itself."""
        return self.group or f"task {id(self)}"


@define(kw_only=True, eq=False)
class MachineLoad:
    """A machine in a pool, and its running tasks."""

    machine: Machine
    running: int = 0
    used_mb: float = 0.0


@define(kw_only=True, eq=False)
class TaskGroup:
    """The waiting tasks of a group, and the times of its tasks so far."""

    name: str
    waiting: deque[PendingCall] = field(factory=deque)
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
        first = self.waiting[0]
        return machine not in first.avoid and machine.takes(first.task)

    def seconds_saved(self, machine: Machine) -> float:
        """Seconds that one more worker would save; 0 if it saves less than its start costs."""
        price = machine.price(self.waiting[0].task)
        if not self.count:
            return 0.0 if price else float(max(0, len(self.waiting) - MANY + 1))
        left = len(self.waiting) * self.seconds / self.count
        return max(0.0, left - left / (max(1, self.workers) + 1) - self.started - price)
