"""When what one run of a file says of its tests is not believed: `flakiness`, for each test."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from runner.cells.classify import classify
from runner.cells.flakiness.majority import others
from runner.cells.flakiness.second_looks import DIFFERS, SecondLook, needed
from runner.model import Execution

Run = Callable[[str], Execution]
"""The file run in a mode, `fresh` or `fork`."""


def believed(run: Run, mode: str, said: Callable[[str], frozenset[str]]) -> Execution:
    """The file run in `mode`, and once more as a whole where one of its tests is not believed.

    `said` knows what fresh processes have said of a test.
    """
    first = run(mode)
    looks = {name: look for name, row in first.rows.items() if (look := needed(row, said(name)))}
    if not looks and first.trouble is None:
        return first
    second = run("fresh")
    rows = {
        name: _seen_again(first.rows.get(name, row), row, looks.get(name))
        for name, row in second.rows.items()
    }
    return evolve(second, rows=rows)


def seen_again(first: Execution, second: Execution, look: SecondLook) -> Execution:
    """The second counts; the first one too where the look is a vote."""
    one, other = classify(first), classify(second)
    agreed = 1 + (one.finding == other.finding) if look.votes else 0
    return evolve(second, attempts=2, agreed=agreed, note=others([one, other], other))


def _seen_again(first: Execution, second: Execution, look: SecondLook | None) -> Execution:
    """A test that was run again for others' sake counts as run twice only where it differs."""
    if look is None and classify(first).finding == classify(second).finding:
        return second
    return seen_again(first, second, look or DIFFERS)
