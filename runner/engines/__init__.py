"""Engines make environments real and start the agent in them.

An engine is one file in this package and one line in `ENGINES`. Everything that is the same for all
of them (the conversation with the agent, scheduling, judging) lives outside and sees `Engine` only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from runner.engines.base import Engine
from runner.errors import EngineUnavailableError
from runner.machine import temporary

ENGINES = {
    "docker": "runner.engines.docker.engine:DockerEngine",
    "local": "runner.engines.local.engine:LocalEngine",
}
"""Name → where its class is, imported only when wanted; `auto` tries them in this order."""


def create(name: str, *, apart: bool = False) -> Engine:
    """The engine called `name`, whether or not it can be used here.

    `apart`: one that keeps nothing for other environments, so that dropping one frees all of it.
    """
    module, _, attribute = ENGINES[name].partition(":")
    made = getattr(importlib.import_module(module), attribute)
    engine: Engine = made(apart=True) if apart else made()
    return engine


def choose(name: str, say: Callable[[str], None]) -> Engine:
    """The engine asked for, or for `auto` the first that answers; `say` is told which and why.

    Raises `EngineUnavailableError` with what is missing and how to mend it.
    """
    temporary.sweep()  # before anything new is started, what killed runs left is ended
    reasons: list[str] = []
    for candidate in ENGINES if name == "auto" else (name,):
        engine = create(candidate)
        why_not = engine.unavailable()
        if why_not is None:
            say(f"engine: {candidate}" + "".join(f"\n  ({reason})" for reason in reasons))
            return engine
        reasons.append(f"not {candidate}: {why_not}")
    raise EngineUnavailableError("no engine can be used: " + "; ".join(reasons))
