"""Groups of tasks that share something slow to start, and what another worker would save."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Optional

from attrs import define, field

from runner.pipeline.task_machine import Machine

MANY = 8
"""A second worker joins a group without measured times if at least this many tasks are left."""


@define(kw_only=True, eq=False)
class PendingCall:
    """A task that waits for a machine, with the machines that could not do it."""

    future: Future[Any]
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    tries: int = 0
    """Failed tries whose cause may be the task."""
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
        """The group, or for a task without a group a key of its own."""
        return self.group or f"task {id(self)}"


@define(kw_only=True, eq=False)
class MachineLoad:
    """A machine in a pool, and its running tasks."""

    machine: Machine
    running: int = 0
    used_mb: float = 0.0


@define(kw_only=True, eq=False)
class TaskGroup:
    """A group's waiting tasks, and the times of its tasks so far."""

    name: str
    waiting: deque[PendingCall] = field(factory=deque)
    workers: int = 0
    started: float = 0.0
    """The seconds of the last worker's first task, which includes
    the start of what the group shares."""
    seconds: float = 0.0
    """The seconds of all other tasks together."""
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
        """The seconds that another worker would save; 0 if starting it costs more."""
        price = machine.price(self.waiting[0].task)
        if not self.count:
            return 0.0 if price else float(max(0, len(self.waiting) - MANY + 1))
        left = len(self.waiting) * self.seconds / self.count
        return max(0.0, left - left / (max(1, self.workers) + 1) - self.started - price)
