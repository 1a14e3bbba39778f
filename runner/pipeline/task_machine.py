"""A machine that carries out tasks, and the errors with which it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class TryElsewhere(Exception):
    """A machine cannot do a task; another one may. If none can, the cause is reported."""

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
    """This process as a machine for tasks; subclasses are other machines."""

    name = ""

    def __init__(self, memory_mb: float = float("inf")) -> None:
        self.memory_mb = memory_mb
        self.lost = False
        self.holds: set[str] = set()
        """Groups that have already run here; their next task starts sooner."""

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Calls `fn` and waits. Raises what `fn` raises, or `MachineLost`."""
        return fn(*args)

    def takes(self, task: Any) -> bool:
        """Whether the task may run here."""
        return True

    def price(self, task: Any) -> float:
        """Seconds to make the task's environment here, if it does not exist yet."""
        return 0.0

    def mark_lost(self) -> None:
        """Marks it as lost, so that nobody waits for its results."""
        self.lost = True
