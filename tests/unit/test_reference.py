"""The shipped matrix says what it said: each of its logs, judged again, has the same outcome."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from runner.cells.classify import classify
from runner.model import Execution, Outcome, Result
from runner.runs import journal

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
MEASURED = [result for result in journal.read_run(REFERENCE).results if result.attempts]


@functools.cache
def judged(exit_code: int, signal: int, output: str) -> Outcome:
    return classify(
        Execution(
            exit_code=exit_code if not signal else None,
            signal=signal or None,
            output=output,
            errors=output,
        )
    )


def again(result: Result) -> Outcome:
    log = (REFERENCE / result.log).read_text("utf-8") if result.log else ""
    return judged(result.exit_code or 0, result.signal or 0, log)


@pytest.mark.parametrize("verdict", sorted({str(each.outcome.verdict) for each in MEASURED}))
def test_every_cell_judged_again_has_its_outcome(verdict: str) -> None:
    cells = [each for each in MEASURED if each.outcome.verdict.value == verdict]
    differ = [
        (each.id, found)
        for each in cells
        if (found := again(each)).verdict is not each.outcome.verdict
        or found.signature != each.outcome.signature
    ]
    assert differ == []
    assert len(cells) > 10
