"""The events while a plan is carried out, for the display, a log or a test."""

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
    """The worker that runs it, in a cluster."""


@frozen(kw_only=True)
class Ended:
    """The result of a cell, or of a test in it, is in the journal."""

    result: Result
    case: str = ""
    """The cell's case, if the result is that of a test in it."""
    last: bool = True
    """Whether it is the last result of the cell."""

    @property
    def cell(self) -> tuple[str, str, str]:
        return (self.result.repro, self.case or self.result.case, self.result.environment)


@frozen(kw_only=True)
class Empty:
    """A file of a suite ended, and no selected test is in it."""

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
    """Passes events to the current display."""

    def __init__(self) -> None:
        self.to: Emit = lambda _: None

    def __call__(self, event: Event) -> None:
        self.to(event)
