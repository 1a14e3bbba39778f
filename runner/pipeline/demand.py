"""What a command wants of its engine: which cells are answered, and which environments are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from runner import paths
from runner.cells.modes import Modes
from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store, cell_key
from runner.engines.base import Maker
from runner.machine import host, interpreters
from runner.model import Cell, Environment
from runner.pipeline.options import Options
from runner.pipeline.workload import Batch, Lock, Workload, arrange


def answer_key(
    engine: str,
    environment: Environment,
    cell: Cell,
    snapshot: Snapshot,
    *,
    modes: Modes,
    repeat: int,
) -> str:
    """Under which key the store has what `engine` measured.

    `modes` are the command's: they look at a script once for all its cells.
    """
    return cell_key(
        environment_key=_environment_key(engine, environment),
        snapshot_digest=snapshot.text_digest,
        script=snapshot.workspace.script,
        args=cell.case.args,
        env=cell.variables,
        limits=cell.repro.limits,
        agent_digest=paths.agent_digest(),
        mode=modes.mode_for(cell).name,
        repeat=repeat,
    )


def _environment_key(engine: str, environment: Environment) -> str:
    """With what the local engine takes from this machine: Python's patch release, and what the CPU
    can do, by which TensorFlow's libraries choose how they compute."""
    if engine != "local":
        return f"{engine}:{environment.key}"
    python = interpreters.find_interpreter(environment.target.python)
    version = python.version if python else ""
    return f"{engine}:{environment.key}:{version}:{host.cpu_features()}"


class Demand:
    """The cells of a command, and what of them each engine has measured already."""

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
        self._store = store
        self._snapshots = snapshots
        self._options = options
        self._modes = Modes(options.mode)
        self._loads: dict[str, Workload] = {}

    @classmethod
    def of_environments(cls, cells: Sequence[Cell], lock: Lock) -> Demand:
        """That of a command which looks for no answers before it starts."""
        return cls(cells, lock, store=None, snapshots={}, options=Options())

    def workload(self, engine: Maker) -> Workload:
        """The cells as `engine` would measure them, arranged once."""
        if engine.name not in self._loads:
            self._loads[engine.name] = arrange(self._planned, engine, self._lock)
        return self._loads[engine.name]

    def answered(self, engine: Maker) -> int:
        if self._store is None or self._options.remeasure:
            return 0
        batches = self.workload(engine).batches
        return sum(self._is_answered(engine, w, cell) for w in batches for cell in w.cells)

    def environments(self, engine: Maker) -> Sequence[Environment]:
        return [
            batch.environment
            for batch in self.workload(engine).batches
            if not engine.prepared(batch.environment)
            and not all(self._is_answered(engine, batch, cell) for cell in batch.cells)
        ]

    def _is_answered(self, engine: Maker, batch: Batch, cell: Cell) -> bool:
        if self._store is None or self._options.remeasure:
            return False
        snapshot = self._snapshots[cell.repro.name]
        key = answer_key(
            engine.name,
            batch.environment,
            cell,
            snapshot,
            modes=self._modes,
            repeat=self._options.repeat,
        )
        return self._store.has(key)
