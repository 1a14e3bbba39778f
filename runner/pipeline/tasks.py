"""What is handed to an executor: an environment to make, or a cell to measure in one.

Neither holds anything but records, so that the work may be done on another machine.
"""

from __future__ import annotations

from attrs import frozen

from runner.cells.snapshot.record import Snapshot
from runner.model import Cell, Environment


@frozen(kw_only=True)
class Prepare:
    """An environment to make."""

    environment: Environment

    @property
    def group(self) -> str:
        return self.environment.key


@frozen(kw_only=True)
class Measure:
    """A cell to measure in an environment that is there."""

    environment: Environment
    cell: Cell
    snapshot: Snapshot
    mode: str
    """`fresh` or `fork`."""
    repeat: int = 1
    """Runs that decide the outcome."""

    @property
    def group(self) -> str:
        """Tasks of one group share a running environment: they are best done side by side."""
        return self.environment.key
