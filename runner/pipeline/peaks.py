"""How much memory the cells of an environment need, as measured so far."""

from __future__ import annotations

from runner.model import Execution
from runner.pipeline.tasks import Measure

UNKNOWN = 1024.0
"""MiB that a cell is assumed to need until one of its environment has been measured."""


class Peaks:
    """The most memory that cells of an environment have needed so far."""

    def __init__(self) -> None:
        self._peaks: dict[str, float] = {}

    def record(self, task: Measure, execution: Execution) -> None:
        key = task.environment.key
        self._peaks[key] = max(self._peaks.get(key, 0.0), execution.max_rss_mb)

    def highest(self, key: str) -> float:
        """MiB of the environment with this key."""
        return self._peaks.get(key) or UNKNOWN

    def expected(self, task: Measure) -> float:
        """MiB that a cell is likely to need."""
        return min(self.highest(task.group), float(task.cell.repro.limits.memory))
