"""Records how much memory the cells of an environment needed so far."""

from __future__ import annotations

from runner.model import Execution
from runner.pipeline.tasks import Measure

UNKNOWN = 1024.0
"""The assumed MiB of a cell until one of its environment has been measured."""


class Peaks:
    """The most memory that cells of each environment needed so far."""

    def __init__(self) -> None:
        self._peaks: dict[str, float] = {}

    def record(self, task: Measure, execution: Execution) -> None:
        key = task.environment.key
        self._peaks[key] = max(self._peaks.get(key, 0.0), execution.max_rss_mb)

    def highest(self, key: str) -> float:
        """The MiB for the environment with this key."""
        return self._peaks.get(key) or UNKNOWN

    def expected(self, task: Measure) -> float:
        """The MiB that a cell will probably need."""
        return min(self.highest(task.group), float(task.cell.repro.limits.memory))
