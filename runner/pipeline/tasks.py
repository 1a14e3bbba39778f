"""The tasks for executors: an environment to make, or a cell to measure.

Tasks hold only records, so that another machine can carry them out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import evolve, frozen

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
    alone: bool = False
    """Whether no other cell needs an agent that has imported TensorFlow in the same way."""
    path: str = ""
    """The script's path on this machine. A suite has none, nor has a task on another machine."""

    @property
    def group(self) -> str:
        """Tasks of one group share a running environment."""
        return self.environment.key

    @property
    def agent(self) -> AgentKey:
        workspace, variables = self.snapshot.workspace, tuple(sorted(self.cell.variables.items()))
        script = workspace.script if self.prologue else ""
        return AgentKey(
            environment=self.environment.key,
            folder=str(workspace.folder),
            mode=self.mode,
            limits=self.cell.repro.limits,
            imported=(variables, self.prologue, script, self.snapshot.modules)
            if self.mode == "fork"
            else None,
        )


@frozen(kw_only=True)
class AgentKey:
    """Which agent can measure a cell: that of every cell with the same key."""

    environment: str
    folder: str
    mode: str
    limits: object
    imported: object
    """What the import of TensorFlow depends on, if it is done in advance: the cell's variables, the
    script's prologue and its name, and the modules that lie beside the script."""


def alone_marked(tasks: Sequence[Measure]) -> list[Measure]:
    """All tasks of an environment, the ones marked that share their agent with no other."""
    agents = [task.agent for task in tasks]
    counted = Counter(agents)
    return [evolve(task, alone=counted[agent] == 1) for task, agent in zip(tasks, agents)]
