"""What a command needs from its engine: the cells to measure and the environments to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store
from runner.engines.base import Engine, Maker
from runner.errors import TfmatrixError
from runner.model import Cell, Environment
from runner.pipeline import disk
from runner.pipeline.answers import Answers
from runner.pipeline.options import Options
from runner.pipeline.workload import Batch, Lock, Workload, arrange


class Demand:
    """The cells of a command, and which of them each engine has measured already."""

    def __init__(
        self,
        cells: Sequence[Cell],
        lock: Lock,
        *,
        store: Optional[Store],
        snapshots: Mapping[str, Snapshot],
        options: Options,
    ) -> None:
        """`snapshots`: repro name → its files."""
        self.cells = len(cells)
        self._planned = cells
        self._lock = lock
        self._answers: Optional[Answers] = None
        if store is not None and not options.remeasure:
            self._answers = Answers(store, snapshots, options)
        self._loads: dict[str, Workload] = {}

    @classmethod
    def of_environments(cls, cells: Sequence[Cell], lock: Lock) -> Demand:
        """The demand of a command that uses no earlier answers."""
        return cls(cells, lock, store=None, snapshots={}, options=Options())

    def workload(self, engine: Maker) -> Workload:
        """The cells as `engine` would measure them; arranged once."""
        if engine.name not in self._loads:
            self._loads[engine.name] = arrange(self._planned, engine, self._lock)
        return self._loads[engine.name]

    def answered(self, engine: Maker) -> int:
        """How many cells `engine` need not measure."""
        batches = self.workload(engine).batches
        return sum(self._is_answered(engine, b, cell) for b in batches for cell in b.cells)

    def environments(self, engine: Maker) -> Sequence[Environment]:
        """The environments that `engine` has to make."""
        on_disk = self.environments_on_disk(engine)
        return [each for each in on_disk if not engine.prepared(each)]

    def environments_on_disk(self, engine: Maker) -> Sequence[Environment]:
        """The environments that `engine` has, and those that it has to make. One whose cells are
        all answered is not made again."""
        return [
            batch.environment
            for batch in self.workload(engine).batches
            if engine.prepared(batch.environment)
            or not all(self._is_answered(engine, batch, cell) for cell in batch.cells)
        ]

    def why_no_room(self, engine: Engine) -> Optional[str]:
        """Why the disk of `engine` cannot hold those that are to be made, not even one after the
        other."""
        try:
            if self.environments(engine):
                disk.forecast(engine, self.environments_on_disk(engine))
        except TfmatrixError as error:
            return error.message
        return None

    def _is_answered(self, engine: Maker, batch: Batch, cell: Cell) -> bool:
        if self._answers is None:
            return False
        keys = self._answers.keys(engine, batch.environment, cell)
        return self._answers.known(cell, keys) is not None
