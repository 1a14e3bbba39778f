"""The events of a plan that is carried out, for the display, a log or a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from attrs import frozen

from runner.engines.base import Phase
from runner.model import Environment, Result


@frozen(kw_only=True)
class Preparing:
    """An environment's preparation has reached a phase."""

    environment: Environment
    phase: Phase


@frozen(kw_only=True)
class Prepared:
    environment: Environment
    seconds: float


@frozen(kw_only=True)
class Unprepared:
    """An environment could not be made; its cells are `error`, for this reason."""

    environment: Environment
    reason: str
    cells: int = 1


@frozen(kw_only=True)
class Started:
    """A cell has begun to run."""

    repro: str
    case: str
    environment: str
    worker: str = ""
    """Of a cluster, the one that runs it."""


@frozen(kw_only=True)
class Ended:
    """A cell's result is in the journal, or that of a test in it."""

    result: Result
    case: str = ""
    """Of the cell, where the result is that of one of its tests."""
    last: bool = True
    """Whether it is the cell's last."""

    @property
    def cell(self) -> tuple[str, str, str]:
        return (self.result.repro, self.case or self.result.case, self.result.environment)


@frozen(kw_only=True)
class Empty:
    """A file of a suite ended, and no test in it is wanted, or there."""

    repro: str
    case: str
    environment: str

    @property
    def cell(self) -> tuple[str, str, str]:
        return (self.repro, self.case, self.environment)


@frozen(kw_only=True)
class Dropped:
    """An environment was removed because the run does not keep it."""

    environment: Environment


Event = Union[Preparing, Prepared, Unprepared, Started, Ended, Empty, Dropped]
Emit = Callable[[Event], None]


class Relay:
    """Passes events on to whoever shows what goes on just now."""

    def __init__(self) -> None:
        self.to: Emit = lambda _: None

    def __call__(self, event: Event) -> None:
        self.to(event)
