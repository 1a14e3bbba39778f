"""The shipped runs say what they said: each of their logs, judged again, has the same outcome."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from runner.cells.classify import classify
from runner.model import Execution, Outcome, Result
from runner.runs import journal

RESULTS = Path(__file__).parents[2] / "results"
MEASURED = {
    name: [result for result in journal.read_run(RESULTS / name).results if result.attempts]
    for name in ("reference", "exchange")
}


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


def again(result: Result, run: str) -> Outcome:
    log = (RESULTS / run / result.log).read_text("utf-8") if result.log else ""
    return judged(result.exit_code or 0, result.signal or 0, log)


@pytest.mark.parametrize(
    ("run", "verdict"),
    sorted({(run, str(each.outcome.verdict)) for run, cells in MEASURED.items() for each in cells}),
)
def test_every_cell_judged_again_has_its_outcome(run: str, verdict: str) -> None:
    cells = [each for each in MEASURED[run] if each.outcome.verdict.value == verdict]
    differ = [
        (each.id, found)
        for each in cells
        if (found := again(each, run)).verdict is not each.outcome.verdict
        or found.signature != each.outcome.signature
    ]
    assert differ == []
    assert len(cells) > 10
