"""The place where environments are made and cells are measured, as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Protocol

from attrs import field, frozen

from runner.model import Environment, Execution

_MOST_MADE = 8
"""More at a time would share one disk and one line to the package index."""


def made_at_once(jobs: int) -> int:
    """How many environments are made at the same time where `jobs` cells run at the same time.

    One more, because making one often waits: for a download, or for the bytecode that another one
    compiles.
    """
    return min(jobs + 1, _MOST_MADE)


class Site(Protocol):
    """A place where environments are made and cells run: this machine, or many as one.

    `prepare` and `measure` are passed to executors with a `Prepare` or a `Measure`. They may raise
    `PrepareError` and `Stopped`.
    """

    name: str
    """The engine's name."""

    @property
    def prepare(self) -> Callable[..., None]: ...
    @property
    def measure(self) -> Callable[..., Execution]: ...
    def expect(self, environments: Sequence[Environment]) -> None:
        """Announces the environments that will be needed; called before `readiness`."""
        ...

    def readiness(self, environment: Environment) -> int:
        """0 if the environment must be made, 1 if it exists, 2 if an agent runs in it."""
        ...

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        """As `Maker.machine_keys`."""
        ...

    def release(self, environment: Environment) -> None: ...
    def disk_size(self, environment: Environment) -> int: ...
    def remove(self, environment: Environment) -> None: ...
    def stop(self) -> None: ...


@frozen(kw_only=True)
class Workers:
    """A site, and the executors that call it."""

    site: Site
    prepare: Executor
    measure: Executor
    coming: set[str] = field(factory=set)
    """Keys of existing environments whose cells will be submitted soon."""
