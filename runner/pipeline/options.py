"""How the user wants a plan to be carried out."""

from __future__ import annotations

from typing import Optional

from attrs import frozen


@frozen(kw_only=True)
class Options:
    """The command line's options about measuring."""

    jobs: int = 2
    """The number of cells that are measured at the same time."""
    remeasure: bool = False
    """Whether to measure again what the store has."""
    repeat: int = 1
    """The number of runs that decide each cell."""
    mode: str = "auto"
    """How cells start: `fresh`, `fork` or `auto`."""
    keep: Optional[int] = None
    """The bytes of environments made by this run that may stay afterwards; None keeps all, 0
    none."""
    keep_agents: bool = False
    """Whether agents stay for a next round, as far as memory allows."""
