"""What earlier runs measured of a command's cells, as far as it is still valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from runner import paths
from runner.cells.modes import Mode, Modes
from runner.cells.snapshot import reading
from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store, cell_key
from runner.machine import host, interpreters
from runner.model import Cell, Environment, Execution
from runner.pipeline.options import Options


class Answers:
    """The store as one command sees it. A script is looked at once for all its cells."""

    def __init__(self, store: Store, snapshots: Mapping[str, Snapshot], options: Options) -> None:
        """`snapshots`: repro name → its files."""
        self._store = store
        self._snapshots = snapshots
        self._options = options
        self._modes = Modes(options.mode)

    def key(self, engine: str, environment: Environment, cell: Cell) -> str:
        """The key under which the store has the measurement by `engine`."""
        snapshot = self._snapshots[cell.repro.name]
        return cell_key(
            environment_key=_environment_key(engine, environment),
            snapshot_digest=snapshot.text_digest,
            script=snapshot.workspace.script,
            args=cell.case.args,
            env=cell.variables,
            limits=cell.repro.limits,
            agent_digest=paths.agent_digest(),
            mode=self.mode_for(cell).name,
            fail_on=cell.repro.fail_on,
            repeat=self._options.repeat,
            data=snapshot.data_digest + (" network" if cell.repro.network else ""),
        )

    def mode_for(self, cell: Cell) -> Mode:
        """How the cell is started."""
        return self._modes.mode_for(cell)

    def known(self, cell: Cell, key: str) -> Optional[Execution]:
        """The measurement under `key`, if the files that it read have not changed."""
        snapshot = self._snapshots[cell.repro.name]
        return self._store.get(key, lambda earlier: reading.read_digest(earlier, snapshot))

    def usable(self, cell: Cell, key: str) -> Optional[Execution]:
        """Like `known`, but None if the command is to measure everything again."""
        return None if self._options.remeasure else self.known(cell, key)

    def remember(self, key: str, execution: Execution) -> None:
        """Keep `execution` for later runs."""
        self._store.put(key, execution)


def _environment_key(engine: str, environment: Environment) -> str:
    """The local engine also takes from this machine Python's patch release, and the processor's
    features, by which TensorFlow's libraries choose how they compute."""
    if engine != "local":
        return f"{engine}:{environment.key}"
    python = interpreters.find_interpreter(environment.target.python)
    version = python.version if python else ""
    return f"{engine}:{environment.key}:{version}:{host.cpu_features()}"
