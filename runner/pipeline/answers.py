"""Finds earlier measurements of a command's cells that are still valid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Optional, Protocol

from runner import paths
from runner.cells.modes import Mode, Modes
from runner.cells.snapshot import reading
from runner.cells.snapshot.record import Snapshot, snapshot_of
from runner.cells.store import Store, cell_key
from runner.model import Cell, Environment, Execution
from runner.pipeline.options import Options


class Machines(Protocol):
    """A `Maker` or a `Site`: it knows on which machines cells may be measured."""

    name: str

    def machine_keys(self, environment: Environment) -> Sequence[str]: ...


class Answers:
    """The store as one command sees it. Each script is examined once for all its cells."""

    def __init__(self, store: Store, snapshots: Mapping[str, Snapshot], options: Options) -> None:
        """`snapshots`: repro name → its files."""
        self._store = store
        self._snapshots = snapshots
        self._options = options
        self._modes = Modes(options.mode)

    def keys(self, maker: Machines, environment: Environment, cell: Cell) -> list[str]:
        """The keys under which the store may have the cell, if `maker` measured it."""
        machines = maker.machine_keys(environment)
        return [self.key(maker.name, environment, cell, machine) for machine in machines]

    def key(self, engine: str, environment: Environment, cell: Cell, machine: str) -> str:
        """The key of a measurement by `engine` on a machine that adds `machine` to it."""
        snapshot = snapshot_of(cell, self._snapshots)
        return cell_key(
            environment_key=":".join(filter(None, (engine, environment.key, machine))),
            snapshot_digest=snapshot.text_digest,
            script=snapshot.workspace.script,
            args=cell.case.args,
            env=cell.variables,
            limits=cell.repro.limits,
            agent_digest=paths.agent_digest(),
            mode=self.mode_for(cell).name,
            fail_on=cell.repro.fail_on,
            keep=cell.repro.keep,
            repeat=self._options.repeat,
            data=snapshot.data_digest + (" network" if cell.repro.network else ""),
        )

    def mode_for(self, cell: Cell) -> Mode:
        """How the cell starts."""
        return self._modes.mode_for(cell)

    def known(self, cell: Cell, keys: Iterable[str]) -> Optional[tuple[str, Execution]]:
        """The first of `keys` with a measurement, if the files that it read have not changed."""
        snapshot = snapshot_of(cell, self._snapshots)
        for key in keys:
            found = self._store.get(
                key, lambda earlier: reading.execution_digest(earlier, snapshot)
            )
            if found is not None:
                return key, found
        return None

    def usable(self, cell: Cell, keys: Iterable[str]) -> Optional[tuple[str, Execution]]:
        """Like `known`, but None if the command is to measure everything again."""
        return None if self._options.remeasure else self.known(cell, keys)

    def remember(self, key: str, execution: Execution) -> None:
        """Stores `execution` for later runs."""
        self._store.put(key, execution)
