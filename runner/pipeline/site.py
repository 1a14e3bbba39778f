"""Where environments are made and cells are measured, as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Protocol

from attrs import field, frozen

from runner.model import Environment, Execution

PREPARING = 2
"""Environments made at the same time: one is unpacked while another downloads."""


class Site(Protocol):
    """Where environments are made and cells run: this machine, or many as one.

    `prepare` and `measure` are handed to executors, with a `Prepare` or a `Measure`; they may raise
    `PrepareError` and `Stopped`.
    """

    name: str
    """The engine's."""

    @property
    def prepare(self) -> Callable[..., None]: ...
    @property
    def measure(self) -> Callable[..., Execution]: ...
    def expect(self, environments: Sequence[Environment]) -> None:
        """These environments will be needed. Called before `readiness`."""
        ...

    def readiness(self, environment: Environment) -> int:
        """How soon a cell can start: 0 the environment must be made, 1 it exists, 2 an agent
        runs."""
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
    """Keys of environments that exist and whose cells will be submitted soon."""
