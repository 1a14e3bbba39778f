"""A case of a repro on a target: what is planned and measured."""

from __future__ import annotations

from typing import Optional

from attrs import frozen

from runner.model.cases import Case
from runner.model.environments import Target
from runner.model.repros import Repro
from runner.model.rules import Expectation


@frozen(kw_only=True)
class Cell:
    """One case of one repro on one target.

    `skip`: the reason if a rule excludes it. `lacks`: the reason if no environment of the target
    can run it.
    """

    repro: Repro
    case: Case
    target: Target
    skip: Optional[str] = None
    lacks: Optional[str] = None
    expected: Optional[Expectation] = None
    wanted: tuple[str, ...] = ()
    """For a suite's file, globs for the selected tests; () for all."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the cell."""
        return {**self.repro.env, **self.case.variant.env}
