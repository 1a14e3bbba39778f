"""Several executions of one cell → the one with the majority outcome. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import evolve

from runner.cells.classify import classify
from runner.model import Execution, Outcome, Verdict

WORST = (
    Verdict.OOM,
    Verdict.TIMEOUT,
    Verdict.CRASH,
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.SKIP,
    Verdict.PASS,
)
"""Worst first, for cells without a majority. Verdicts that are no
evidence come after failures and before a pass."""


def majority(executions: Sequence[Execution]) -> Execution:
    """The first execution with the majority outcome; its note lists the dissenters.

    A verdict needs more than half of the executions; without that, the worst verdict counts. Among
    several signatures of that verdict the most frequent counts, else the earliest. Only executions
    with this signature agree, so three different failures count as one of three.
    """
    outcomes = [classify(execution) for execution in executions]
    verdict = _decided(Counter(outcome.verdict for outcome in outcomes))
    findings = [outcome.finding for outcome in outcomes]
    (finding, agreed), *_ = Counter(f for f in findings if f[0] is verdict).most_common(1)
    chosen = findings.index(finding)
    return evolve(
        executions[chosen],
        attempts=len(executions),
        agreed=agreed,
        note=dissenters(outcomes, outcomes[chosen]),
    )


def with_another_vote(before: Execution, again: Execution) -> Execution:
    """The earlier result (of one run or of votes) with a fresh process's vote added.

    An execution that could not be measured is not a vote.
    """
    if again.trouble is not None:
        return before
    if not before.agreed:
        return majority([before, again])
    found = majority([before] * before.agreed + [again])
    agrees = classify(again).finding == classify(before).finding
    note = (
        before.note
        if agrees or not before.note
        else f"{before.note}; then {_said(classify(again))}"
    )
    return evolve(found, attempts=before.attempts + 1, note=note or found.note)


def dissenters(outcomes: Sequence[Outcome], chosen: Outcome) -> str:
    """The other outcomes: `1 of 3 attempts: crash (SIGSEGV)`; empty if all agree."""
    counted = Counter(_said(each) for each in outcomes if each.finding != chosen.finding)
    return "; ".join(f"{k} of {len(outcomes)} attempts: {said}" for said, k in counted.items())


def _said(outcome: Outcome) -> str:
    """`crash (SIGSEGV)`"""
    why = outcome.signature or outcome.reason
    return f"{outcome.verdict} ({why})" if why else outcome.verdict.value


def _decided(votes: Counter[Verdict]) -> Verdict:
    most, count = votes.most_common(1)[0]
    return most if 2 * count > sum(votes.values()) else next(v for v in WORST if v in votes)
