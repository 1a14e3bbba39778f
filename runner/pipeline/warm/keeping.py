"""Starts and ends the process that keeps agents warm, and asks it for more of them."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Optional

import attrs
from attrs import frozen

from runner import paths
from runner.engines.local.engine import LocalEngine
from runner.errors import TfmatrixError
from runner.machine import file_lock, host, temporary, units
from runner.model import Environment
from runner.pipeline.warm import address
from runner.pipeline.warm.address import Connection
from runner.pipeline.warm.imports import Import
from runner.pipeline.warm.lender import process_facts

GONE = "the keeper or the environment has gone meanwhile: run it again"
SILENT = "the keeper does not answer: end it with `tfmatrix warm --stop`, and run it again"
SHARE = 0.5
"""The share of the free memory that warm agents may hold if no limit is given."""
IDLE = 1800.0
"""Seconds without use after which a warm agent ends if no limit is given."""
IMPORTING = 300.0
"""Seconds within which an agent must have imported TensorFlow."""


@frozen(kw_only=True)
class Wanted:
    """An agent to keep warm."""

    environment: Environment
    how: Import


@frozen(kw_only=True)
class Kept:
    """What came of a wish for a warm agent."""

    environment: Environment
    why_not: str = ""
    new: bool = False
    memory_mb: int = 0


def keep(engine: LocalEngine, wanted: Sequence[Wanted]) -> Iterator[Kept]:
    """Ask the keeper for agents of prepared environments, and wait for their imports. They come in
    the order in which they are ready."""
    with selectors.DefaultSelector() as waiting, ExitStack() as open_ones:
        for one in wanted:
            connection = _ask_for(engine, one)
            if connection is None:
                yield Kept(environment=one.environment, why_not=GONE)
            else:
                open_ones.callback(connection.close)
                waiting.register(connection.socket, selectors.EVENT_READ, (one, connection))
        while (asked := waiting.get_map()) and (answers := waiting.select(IMPORTING)):
            for ready, _ in answers:
                waiting.unregister(ready.fileobj)
                yield _kept(*ready.data)
        for one, _ in (each.data for each in asked.values()):
            yield Kept(environment=one.environment, why_not=SILENT)


def _ask_for(engine: LocalEngine, wanted: Wanted) -> Optional[Connection]:
    """The connection on which the keeper's answer will come; None if it or the environment has
    gone."""
    agent, how = engine.lendable(wanted.environment), attrs.asdict(wanted.how)
    connection = address.connect(IMPORTING) if agent else None
    if agent is None or connection is None:
        return None
    name, folder = wanted.environment.id, str(agent.folder)
    try:
        key = wanted.how.key(agent)
        connection.send(ask="keep", key=key, name=name, folder=folder, how=how)
    except OSError:
        connection.close()
        return None
    return connection


def _kept(wanted: Wanted, connection: Connection) -> Kept:
    try:
        answer = connection.receive()
    except OSError:
        return Kept(environment=wanted.environment, why_not=GONE)
    return Kept(
        environment=wanted.environment,
        why_not=str(answer.get("why", "")),
        new=answer.get("new") is True,
        memory_mb=int(answer.get("memory_mb", 0)),
    )


@frozen(kw_only=True)
class KeeperState:
    """What the keeper says of itself."""

    memory_mb: float
    """The bound on all agents together, in MiB."""
    idle: float
    """Seconds without use after which an agent ends."""
    agents: Sequence[Mapping[str, Any]]
    """`name` (of the environment), `memory_mb`, `lent`, `idle` (seconds since its last use)."""
    facts: Mapping[str, Any]

    @property
    def serves_this_process(self) -> bool:
        """Whether its agents have the code and the limits of this process."""
        return self.facts == process_facts()

    @property
    def summary(self) -> str:
        """How many there are, their memory, and when they end."""
        taken = sum(float(agent["memory_mb"]) for agent in self.agents)
        sizes = [units.size_text(size * 2**20) for size in (taken, self.memory_mb)]
        agents = units.count(len(self.agents), "warm agent")
        minutes = f"{self.idle / 60:g} min"
        return f"{agents}: {sizes[0]} of {sizes[1]}; each ends after {minutes} without use"


def keeper_state() -> Optional[KeeperState]:
    """None if no keeper runs."""
    answer = _ask("list")
    if answer is None:
        return None
    limits = {name: float(answer.pop(name)) for name in ("memory_mb", "idle")}
    return KeeperState(agents=answer.pop("agents"), facts=answer, **limits)


def ensure_keeper(memory_mb: Optional[float], idle: Optional[float]) -> None:
    """Start the keeper unless one with the same code and limits runs; another one is ended.

    None stands for the limit that a running keeper has, or for the default. Raises `TfmatrixError`.
    """
    there = keeper_state()
    if there is not None:
        same = memory_mb in (None, there.memory_mb) and idle in (None, there.idle)
        if same and there.serves_this_process:
            return
        stop()
    memory_mb = memory_mb or SHARE * host.free_memory_mb()
    _start(json.dumps({**process_facts(), "memory_mb": memory_mb, "idle": idle or IDLE}))


class Stopped(NamedTuple):
    """How many agents ended, and how many end when the commands that use them give them back."""

    ended: int
    lent: int


def stop() -> Optional[Stopped]:
    """End the keeper with its agents; None if none runs."""
    answer = _ask("stop")
    if answer is None:
        return None
    if not answer.get("waits", answer.get("lent")):
        with address.file().open("a") as file:
            file_lock.wait_for_lock(file)  # until its process has ended
    return Stopped(int(answer.get("ended", 0)), int(answer.get("lent", 0)))


def _ask(question: str) -> Optional[dict[str, Any]]:
    """The keeper's answer; None if none runs."""
    connection = address.connect()
    if connection is None:
        return None
    try:
        connection.send(ask=question)
        return connection.receive()
    except OSError:
        return None
    finally:
        connection.close()


def _start(facts: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != temporary.MARK}
    env.update(PYTHONPATH=str(paths.package().parent), TFMATRIX_CACHE=str(paths.cache()))
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.pipeline.warm.keeper", facts],
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        said = output.readline()
    if said != b"ready\n":
        words = said.decode("utf-8", "replace").strip() or "it said nothing"
        raise TfmatrixError(f"nothing can be kept warm: {words}")
