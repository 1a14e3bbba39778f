"""Turns the tests of a suite into rows; each test is judged separately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

from attrs import evolve

from runner.cells.classify import classify
from runner.cells.flakiness import majority
from runner.cells.results import judged_outcome, judged_result, skipped_result
from runner.cells.suites import reports
from runner.matrix import plan
from runner.model import Cell, Execution, Result, Verdict

Judge = Callable[[Sequence[Execution]], Execution]


def judge_rows(judge: Judge, executions: Sequence[Execution]) -> Execution:
    """One execution for several of the same file. `judge` combines the executions of each test."""
    names = dict.fromkeys(name for each in executions for name in each.rows)
    rows = {
        name: judge([each.rows[name] for each in executions if name in each.rows]) for name in names
    }
    return evolve(executions[-1], rows=rows)


def with_another_vote(cell: Cell, before: Execution, again: Execution) -> Execution:
    """Both executions as votes (`majority.with_another_vote`); in a suite, those of each test."""
    if cell.repro.suite is None or again.trouble is not None:
        return majority.with_another_vote(before, again)
    return judge_rows(lambda votes: _with_another(*votes), (before, again))


def _with_another(before: Execution, again: Optional[Execution] = None) -> Execution:
    """Both votes of a test; a test that only one execution has keeps its one vote."""
    return before if again is None else majority.with_another_vote(before, again)


def is_evidence(cell: Cell, execution: Execution) -> bool:
    """Whether the execution and all its tests are evidence about TensorFlow.

    An error is no evidence, because what the environment lacked may be there later.
    """
    outcomes = [judged_outcome(cell, execution), *map(classify, execution.rows.values())]
    return all(outcome.verdict is not Verdict.ERROR for outcome in outcomes)


def results(
    cell: Cell, environment: str, execution: Execution, *, cached: bool = False
) -> list[tuple[Result, str]]:
    """The results of a cell, each with its output: one for a script, one per wanted test for a
    suite's file."""
    if cell.repro.suite is None:
        return [(judged_result(cell, environment, execution, cached=cached), execution.output)]
    found = [
        (_result(cell, environment, name, row, execution, cached), row.output)
        for name, row in execution.rows.items()
        if plan.selects_test(cell, name)
    ]
    if execution.trouble is not None:
        whole = judged_result(cell, environment, execution, cached=cached)
        found.append((whole, reports.without_lines(execution.output)))
    return found


def _result(
    cell: Cell, environment: str, name: str, row: Execution, whole: Execution, cached: bool
) -> Result:
    one = plan.cell_of_test(cell, name)
    if one.skip is not None:
        return skipped_result(one, environment, one.skip)
    row = evolve(row, mode_reason=whole.mode_reason)
    result = judged_result(one, environment, row, cached=cached)
    if result.outcome.verdict is not Verdict.FAIL or row.exit_code is None:
        return result
    # A test has no exit code of its own, so the reason does not name one.
    where = (note for note in row.notes if note.startswith((reports.FIXTURE, reports.COLLECTED)))
    reason = "; ".join(filter(None, (*where, row.note)))
    return evolve(result, outcome=evolve(result.outcome, reason=reason))
