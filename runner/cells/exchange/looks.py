"""Notices a script that passes without a look at what was saved. Pure."""

from __future__ import annotations

from collections.abc import Collection

from attrs import define

from runner.model import Execution


@define(kw_only=True)
class Looks:
    """What the cells that load have shown so far."""

    passes: int = 0
    looks: int = 0
    """Of these, how many opened a saved file or listed a folder, or may have."""

    def add(self, execution: Execution, saved: Collection[str]) -> None:
        """`saved` are the files that the cell was given."""
        if execution.exit_code == 0:
            self.passes += 1
            self.looks += has_looked(execution, saved)

    @property
    def none(self) -> bool:
        """Whether some passed, and none of them looked."""
        return self.passes > 0 and self.looks == 0


def has_looked(execution: Execution, saved: Collection[str]) -> bool:
    reads = execution.reads
    if reads is None or reads.opened is None:
        return True
    return bool(reads.listed) or not set(saved).isdisjoint(reads.opened)
