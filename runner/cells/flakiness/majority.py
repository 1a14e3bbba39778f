"""Several executions of one cell → the one that speaks for them, by majority. Pure."""

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
"""Worst first, where no verdict has a majority. What says nothing about TensorFlow stands between
a failure that was seen and a pass that was not seen often enough."""


def majority(executions: Sequence[Execution]) -> Execution:
    """The first of those that say what most say; its note has what the others said.

    More than half decide; where no verdict has so many it is the worst. Of several signatures of
    that verdict it is the most frequent one, the earlier of two as frequent. Those that agree are
    those with that signature: three different failures of three are one of three.
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
        note=others(outcomes, outcomes[chosen]),
    )


def with_another_vote(before: Execution, again: Execution) -> Execution:
    """What was measured before, by one run or by votes, and one vote more: a fresh process now.
    Unmeasured is no vote."""
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


def others(outcomes: Sequence[Outcome], chosen: Outcome) -> str:
    """What the others said: `1 of 3 attempts: crash (SIGSEGV)`; nothing where all say the same."""
    counted = Counter(_said(each) for each in outcomes if each.finding != chosen.finding)
    return "; ".join(f"{k} of {len(outcomes)} attempts: {said}" for said, k in counted.items())


def _said(outcome: Outcome) -> str:
    """`crash (SIGSEGV)`"""
    why = outcome.signature or outcome.reason
    return f"{outcome.verdict} ({why})" if why else outcome.verdict.value


def _decided(votes: Counter[Verdict]) -> Verdict:
    most, count = votes.most_common(1)[0]
    return most if 2 * count > sum(votes.values()) else next(v for v in WORST if v in votes)
