"""Where a site asks for a running agent before it starts one."""

from __future__ import annotations

from typing import Optional, Protocol

from runner.engines.base import Channel
from runner.pipeline.tasks import Measure


class Lender(Protocol):
    """Has agents that have imported TensorFlow for an earlier command."""

    def lend(self, task: Measure) -> Optional[Channel]:
        """A channel to an agent that may run the task's cell; None if there is none."""
        ...


class NoLender:
    """Has none."""

    def lend(self, task: Measure) -> Optional[Channel]:
        return None


NO_LENDER = NoLender()
