"""The tasks for executors: an environment to make, or a cell to measure.

Tasks hold only records, so that another machine can carry them out.
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
    """A cell to measure in an environment that exists."""

    environment: Environment
    cell: Cell
    snapshot: Snapshot
    mode: str
    """`fresh` or `fork`."""
    prologue: str = ""
    """The beginning of the script that the importing process runs (mode `fork`)."""
    repeat: int = 1
    """The number of runs that decide the outcome."""

    @property
    def group(self) -> str:
        """Tasks of one group share a running environment."""
        return self.environment.key
