"""Runs a test file again if the result of one of its tests needs a second look."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from runner.cells.classify import classify
from runner.cells.flakiness.majority import dissenters
from runner.cells.flakiness.second_looks import DIFFERS, SecondLook, needed_look
from runner.model import Execution

Run = Callable[[str], Execution]
"""Runs the file in a mode, `fresh` or `fork`."""


def run_with_second_look(run: Run, mode: str, said: Callable[[str], frozenset[str]]) -> Execution:
    """Runs the file in `mode`, and again as a whole if one of its tests needs a second look.

    `said` returns the findings that fresh processes have had for a test.
    """
    first = run(mode)
    looks = {
        name: look for name, row in first.rows.items() if (look := needed_look(row, said(name)))
    }
    if not looks and first.trouble is None:
        return first
    second = run("fresh")
    rows = {
        name: _seen_again(first.rows.get(name, row), row, looks.get(name))
        for name, row in second.rows.items()
    }
    return evolve(second, rows=rows)


def seen_again(first: Execution, second: Execution, look: SecondLook) -> Execution:
    """The second execution; if the look is a vote, the first one counts as a vote too."""
    one, other = classify(first), classify(second)
    agreed = 1 + (one.finding == other.finding) if look.votes else 0
    return evolve(second, attempts=2, agreed=agreed, note=dissenters([one, other], other))


def _seen_again(first: Execution, second: Execution, look: SecondLook | None) -> Execution:
    """The second execution. A test that needed no second look has two attempts only if the two
    executions differ."""
    if look is None and classify(first).finding == classify(second).finding:
        return second
    return seen_again(first, second, look or DIFFERS)
