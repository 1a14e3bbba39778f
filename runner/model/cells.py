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
    """One case of one repro on one target. `skip` is the reason where a rule excludes it, `lacks`
    where no environment of the target can run it."""

    repro: Repro
    case: Case
    target: Target
    skip: Optional[str] = None
    lacks: Optional[str] = None
    expected: Optional[Expectation] = None
    wanted: tuple[str, ...] = ()
    """Of a suite's file, globs on the tests that are wanted of it; () for all."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that it gets."""
        return {**self.repro.env, **self.case.variant.env}
