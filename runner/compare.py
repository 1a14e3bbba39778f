"""Two runs → what differs between them. Pure."""

from __future__ import annotations

from typing import Optional

from attrs import frozen

from runner.model import Outcome, Result, Run


@frozen(kw_only=True)
class Change:
    """One cell that two runs disagree on; None where a run does not have it."""

    repro: str
    case: str
    tensorflow: str
    device: str
    before: Optional[Outcome]
    after: Optional[Outcome]


@frozen(kw_only=True)
class Comparison:
    changes: tuple[Change, ...]
    agreeing: int


def runs(before: Run, after: Run) -> Comparison:
    """Compare verdicts and signatures, cell by cell, whatever the engine or the Python was."""
    old = {_where(result): result.outcome for result in before.results}
    new = {_where(result): result.outcome for result in after.results}
    everywhere = list({**old, **new})
    changes = tuple(
        Change(
            repro=where[0],
            case=where[1],
            tensorflow=where[2],
            device=where[3],
            before=old.get(where),
            after=new.get(where),
        )
        for where in everywhere
        if _said(old.get(where)) != _said(new.get(where))
    )
    return Comparison(changes=changes, agreeing=len(everywhere) - len(changes))


def _where(result: Result) -> tuple[str, str, str, str]:
    return (result.repro, result.case, result.tensorflow, result.device)


def _said(outcome: Optional[Outcome]) -> Optional[tuple[str, Optional[str]]]:
    return None if outcome is None else (outcome.verdict.value, outcome.signature)
