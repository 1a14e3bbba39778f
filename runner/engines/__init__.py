"""Makes environments real, and starts the agent in them.

An engine is one file in this package and one line in `ENGINES`. Everything that is the same for all
of them (the conversation with the agent, scheduling, judging) lives outside and sees `Engine` only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from runner.engines import choice
from runner.engines.base import Candidate, Engine
from runner.engines.choice import Wanted
from runner.machine import temporary

ENGINES = {
    "docker": "runner.engines.docker.engine:DockerEngine",
    "local": "runner.engines.local.engine:LocalEngine",
}
"""Name → where its class is, imported only when wanted; `auto` tries them in this order."""
ANYTHING = choice.Anything()


def create(name: str) -> Candidate:
    """The engine called `name`, whether or not it can be used here."""
    module, _, attribute = ENGINES[name].partition(":")
    engine: Candidate = getattr(importlib.import_module(module), attribute)()
    return engine


def choose(name: str, say: Callable[[str], None], wanted: Wanted = ANYTHING) -> Engine:
    """The engine asked for, or for `auto` the one that can do what is wanted; `say` is told why.

    Raises `EngineUnavailableError` with what is missing and how to fix it.
    """
    temporary.end_dead_runs()  # before anything new is started, what killed runs left is ended
    if name == "auto":
        return choice.automatic([create(each) for each in ENGINES], wanted, say)
    return choice.by_name(create(name), wanted, say)
