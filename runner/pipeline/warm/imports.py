"""How TensorFlow is imported for a script: agents serve the scripts for which it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath

from attrs import field, frozen

from runner.engines.local.lent import LendableAgent
from runner.model import Cell

SCRIPT = "imports_tensorflow.py"


@frozen(kw_only=True)
class Import:
    """What an agent does before its first cell."""

    env: Mapping[str, str] = field(factory=dict)
    """The variables of the cells."""
    prologue: str = ""
    """The beginning of the script, if more than an import of TensorFlow comes first."""
    script: str = SCRIPT
    """The script's name. It counts with a prologue only, whose code knows it."""

    @classmethod
    def of_cell(cls, cell: Cell, prologue: str) -> Import:
        script = PurePath(cell.repro.script).name if prologue else SCRIPT
        return cls(env=cell.variables, prologue=prologue, script=script)

    def key(self, agent: LendableAgent) -> str:
        """The key of the agents that have done it. Raises `OSError`."""
        facts = [agent.key, sorted(self.env.items()), self.prologue, self.script]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
