"""How a plan is to be carried out, as the user asked for it."""

from __future__ import annotations

from typing import Optional

from attrs import frozen


@frozen(kw_only=True)
class Options:
    """What the command line says about measuring; nothing else."""

    jobs: int = 2
    """Cells that are measured at the same time."""
    remeasure: bool = False
    """Measure again what the store knows already."""
    repeat: int = 1
    """Runs that decide each cell."""
    mode: str = "auto"
    """How cells are started: `fresh`, `fork` or `auto`."""
    keep: Optional[int] = None
    """Bytes of environments made by the run that may stay behind; None keeps all, 0 none."""
    keep_agents: bool = False
    """Leave agents running for a next round, as far as memory goes."""
