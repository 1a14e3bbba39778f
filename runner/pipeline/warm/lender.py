"""Borrows warm agents for cells."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, suppress
from typing import Optional

from runner import paths
from runner.cells.snapshot.record import modules_in
from runner.engines.base import Channel, Workspace
from runner.engines.local.engine import LocalEngine
from runner.engines.local.lent import LendableAgent
from runner.machine import derived_cache, standing
from runner.model import Environment
from runner.pipeline.tasks import Measure
from runner.pipeline.warm import address
from runner.pipeline.warm.imports import Import


class WarmLender:
    """Borrows agents of the local engine from the keeper, if one runs."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.lent: set[str] = set()
        """The environments for which an agent was lent."""

    def lend(self, task: Measure) -> Optional[Channel]:
        if task.mode != "fork" or task.repeat > 1:  # repeated runs are fresh
            return None
        how = Import.of_cell(task.cell, task.prologue)
        channel = self.borrow(task.environment, task.snapshot.workspace, task.snapshot.files, how)
        if channel is not None:
            self.lent.add(task.environment.id)
        return channel

    def borrow(
        self,
        environment: Environment,
        workspace: Workspace,
        files: Collection[str],
        how: Import,
    ) -> Optional[Channel]:
        """An agent for scripts with this import, and with these files beside them; None if there
        is none."""
        if workspace.data is not None:
            return None
        with suppress(OSError, KeyError):  # the keeper ends, or the environment is removed
            agent = self._engine.lendable(environment)
            if agent is not None:
                return _borrowed(agent, workspace, files, how)
        return None


def _borrowed(
    agent: LendableAgent, workspace: Workspace, files: Collection[str], how: Import
) -> Optional[Channel]:
    connection = address.connect()
    if connection is None:
        return None
    with ExitStack() as unless_lent:
        unless_lent.callback(connection.close)
        connection.send(
            ask="lend",
            key=how.key(agent),
            beside=sorted(modules_in(files)),
            facts=process_facts(),
        )
        answer = connection.receive()
        if answer["lent"] is not True:
            return None
        unless_lent.pop_all()
    return agent.take_over(connection.detach(), workspace, answer["scratch"])


def process_facts() -> dict[str, str]:
    """What must be the same here and in the keeper: this tool's code, and what agents inherit."""
    code = derived_cache.package_digest(paths.package())
    return {"code": code.hex() if code else "", "standing": standing.standing_digest()}
