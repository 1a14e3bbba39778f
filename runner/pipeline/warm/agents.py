"""The agents that the keeper holds, within bounds on their memory and on the time without work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Optional

import psutil
from attrs import define

from runner.cells.agent_messages import Request
from runner.cells.session import Session
from runner.engines.local import lent, venv
from runner.engines.local.pipe import PipeChannel
from runner.errors import PrepareError
from runner.model import Limits
from runner.pipeline.warm.imports import Import

IMPORTING = """import json, sys
import tensorflow
names = sorted({name.partition(".")[0] for name in sys.modules})
print("::observe modules=" + json.dumps(names))
"""
"""The script with which an agent imports TensorFlow, after the prologue of another, if that has
one. It says which modules the import took."""
# Modules for which an import of TensorFlow asks, and goes on if they are not there: asked for by
# the newest patch of each series from 1.12 to 2.21.
_MISSED = """
    IPython PIL _distutils_system_mod _hashlib _winapi apiclient attr backports backports_abc
    botocore brotli brotlicffi chardet cloud_tpu_client compression cv2 defusedxml dill fsspec
    googleapiclient grain huggingface_hub jax jaxlib keras kubernetes libtpu litert matplotlib
    msvcrt nt objgraph org pandas pickle5 portpicker psutil pydot pydot_ng pydotplus python
    requests rules_python scikits scipy simplejson sklearn socks tblib tensorflow_estimator
    tensorflow_io unicodedata2 urllib3_secure_extra winreg yaml zstandard
"""
LIKELY = 400.0
"""The MiB that an agent is expected to need."""
LIMITS = Limits(timeout=240.0, memory=1 << 20)


@define(eq=False, kw_only=True)
class WarmAgent:
    """A running agent that has imported TensorFlow."""

    name: str
    """Of its environment: `2.9.3-py3.10-cpu`."""
    key: str
    folder: Path
    """The environment's."""
    channel: PipeChannel
    python: str
    modules: frozenset[str]
    """The modules that its import took or asked for."""
    family: list[psutil.Process]
    """The agent, and the process that has imported TensorFlow."""
    used: float
    """When it was last used, in seconds of the monotonic clock."""
    is_lent: bool = False

    @property
    def memory_mb(self) -> float:
        """What it holds now. Agents share little, being of different releases."""
        try:
            return sum(one.memory_info().rss for one in self.family) / 2**20
        except psutil.Error:  # the process that had imported TensorFlow was killed
            self.family = family_of(self.channel.pid)
            return LIKELY

    def is_over(self, idle: float) -> bool:
        """Whether it ended, or was idle for so many seconds, or its environment was removed."""
        if self.is_lent:
            return False
        late = time.monotonic() - self.used > idle
        return late or self.channel.has_ended or not venv.python(self.folder).exists()

    def fits(self, key: str, beside: Collection[str]) -> bool:
        """Whether it may run a script with this key and these modules beside it: none of them may
        stand in for one that the import took."""
        return not self.is_lent and self.key == key and self.modules.isdisjoint(beside)


def import_in(folder: Path, name: str, key: str, how: Import, scripts: Path) -> WarmAgent:
    """An agent of the environment in `folder` that has imported TensorFlow. `scripts` is an empty
    folder. Raises `PrepareError` if it cannot be forked, and `OSError`."""
    text = f"{how.prologue}\n{IMPORTING}" if how.prologue else IMPORTING
    (scripts / how.script).write_text(text, "utf-8")
    channel = lent.start_agent(folder, scripts)
    try:
        session = Session(channel)
        request = Request(
            script=f"{scripts}/{how.script}",
            env=how.env,
            limits=LIMITS,
            mode="fork",
            prologue=how.prologue,
        )
        facts = session.run(request)
        modules = facts.observations.get("modules")
        if facts.mode != "fork" or facts.exit_code != 0 or not isinstance(modules, list):
            said = facts.trouble or " ".join(facts.notes) or facts.errors.strip()[-300:]
            raise PrepareError(f"no agent of {name} stays warm: {said}")
        return WarmAgent(
            name=name,
            key=key,
            folder=folder,
            channel=channel,
            python=session.python or "",
            modules=frozenset([*map(str, modules), *_MISSED.split()]),
            family=family_of(channel.pid),
            used=time.monotonic(),
        )
    except BaseException:
        channel.close()
        raise


def family_of(pid: int) -> list[psutil.Process]:
    """A process and its children; [] if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


class WarmAgents:
    """All of them. Methods may be called from any thread."""

    def __init__(self, *, memory_mb: float, idle: float) -> None:
        """`memory_mb` bounds them all; one that was idle for `idle` seconds ends."""
        self.memory_mb, self.idle = memory_mb, idle
        self._agents: list[WarmAgent] = []
        self._starting = 0
        self._closing = False
        self._lock = threading.Lock()

    def has(self, key: str) -> bool:
        """Whether such an agent is there, lent or not."""
        with self._lock:
            return any(agent.key == key for agent in self._living())

    def add(self, start: Callable[[], WarmAgent]) -> WarmAgent:
        """Start one more. Raises `PrepareError` if there is no room for it, or as `start`."""
        with self._lock:
            used = sum(agent.memory_mb for agent in self._living())
            if used + LIKELY * (self._starting + 1) > self.memory_mb:
                raise PrepareError(self._full(used))
            self._starting += 1
        try:
            agent = start()
        finally:
            with self._lock:
                self._starting -= 1
        with self._lock:
            used = sum(agent.memory_mb for agent in self._living())
            fits = used + agent.memory_mb <= self.memory_mb and not self._closing
            if fits:
                self._agents.append(agent)
        if not fits:
            agent.channel.close()
            raise PrepareError(self._full(used))
        return agent

    def _full(self, used: float) -> str:
        return f"there is no room: {used:.0f} of {self.memory_mb:.0f} MiB are taken"

    def lend(self, key: str, beside: Collection[str]) -> Optional[WarmAgent]:
        with self._lock:
            for agent in self._living():
                if agent.fits(key, beside):
                    agent.is_lent = True
                    return agent
        return None

    def take_back(self, agent: WarmAgent, *, alive: bool) -> None:
        """Keep an agent that was lent, or end it if it is not `alive` or takes too much now."""
        agent.used = time.monotonic()
        with self._lock:
            agent.is_lent = False
            gone = list(self._surplus()) if alive and not self._closing else [agent]
            self._agents = [one for one in self._agents if one not in gone]
        for one in gone:
            one.channel.close()

    def _surplus(self) -> Iterator[WarmAgent]:
        """Idle agents to end, least recently used first, so that the others fit into memory."""
        over = sum(one.memory_mb for one in self._agents) - self.memory_mb
        for agent in sorted(self._agents, key=lambda one: one.used):
            if over > 0 and not agent.is_lent:
                over -= agent.memory_mb
                yield agent

    def end_idle(self) -> None:
        """End those that nobody can or should use any more."""
        with self._lock:
            gone = [agent for agent in self._agents if agent.is_over(self.idle)]
            self._agents = [agent for agent in self._agents if agent not in gone]
        for agent in gone:
            agent.channel.close()

    def end_all(self, *, lent: bool = False) -> int:
        """End the idle ones now, and the others when they come back; or all now, with `lent`.
        Returns how many end now."""
        with self._lock:
            self._closing = True
            gone = [agent for agent in self._agents if lent or not agent.is_lent]
            self._agents = [agent for agent in self._agents if agent not in gone]
        for agent in gone:
            agent.channel.close()
        return len(gone)

    def facts(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        with self._lock:
            return [
                {
                    "name": agent.name,
                    "memory_mb": round(agent.memory_mb),
                    "lent": agent.is_lent,
                    "idle": round(now - agent.used),
                }
                for agent in self._living()
            ]

    @property
    def lent(self) -> int:
        """How many are lent to running commands."""
        with self._lock:
            return sum(agent.is_lent for agent in self._agents)

    @property
    def none_left(self) -> bool:
        with self._lock:
            return not self._agents and not self._starting

    def _living(self) -> list[WarmAgent]:
        return [one for one in self._agents if one.is_lent or not one.channel.has_ended]
