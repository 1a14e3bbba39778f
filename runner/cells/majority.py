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
    that verdict it is the most frequent one, the earlier of two as frequent.
    """
    outcomes = [classify(execution) for execution in executions]
    verdict = _decided(Counter(outcome.verdict for outcome in outcomes))
    agreeing = [outcome for outcome in outcomes if outcome.verdict is verdict]
    signature, _ = Counter(outcome.signature for outcome in agreeing).most_common(1)[0]
    chosen = [(o.verdict, o.signature) for o in outcomes].index((verdict, signature))
    return evolve(
        executions[chosen],
        attempts=len(executions),
        agreed=len(agreeing),
        note=others(outcomes, outcomes[chosen]),
    )


def confirmed(before: Execution, again: Execution) -> Execution:
    """Two votes: what was measured before, and a fresh process now. Unmeasured is no vote."""
    return before if again.trouble is not None else majority([before, again])


def others(outcomes: Sequence[Outcome], chosen: Outcome) -> str:
    """What the others said: `1 of 3 attempts: crash (SIGSEGV)`; nothing where all say the same."""
    counted = Counter(
        f"{outcome.verdict} ({said})"
        if (said := outcome.signature or outcome.reason)
        else outcome.verdict.value
        for outcome in outcomes
        if (outcome.verdict, outcome.signature) != (chosen.verdict, chosen.signature)
    )
    return "; ".join(f"{k} of {len(outcomes)} attempts: {said}" for said, k in counted.items())


def _decided(votes: Counter[Verdict]) -> Verdict:
    most, count = votes.most_common(1)[0]
    return most if 2 * count > sum(votes.values()) else next(v for v in WORST if v in votes)
