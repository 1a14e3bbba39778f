"""Several runs of one cell → one answer, and what is said of the others."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cells.classify import classify
from runner.cells.flakiness.majority import WORST, majority, with_another_vote
from runner.model import Execution, Verdict

PASS = Execution(exit_code=0, observations={"loss": 1})
FAIL = Execution(exit_code=1, errors="ValueError: no such luck\n")
OTHER = Execution(exit_code=1, errors="TypeError: another\n")
THIRD = Execution(exit_code=1, errors="KeyError: a third\n")
CRASH = Execution(signal=11)
HANG = Execution(killed_for="timeout", signal=9, seconds=5.0)
SKIP = Execution(exit_code=125, errors="needs a GPU\n")
LOST = Execution(trouble="the daemon is gone")
ALL = (PASS, FAIL, OTHER, THIRD, CRASH, HANG, SKIP, LOST)


@pytest.mark.parametrize(
    ("runs", "verdict", "votes", "note"),
    [
        ([PASS, PASS, PASS], "pass", (3, 3), ""),
        ([PASS, FAIL, PASS], "pass", (2, 3), "1 of 3 attempts: fail (ValueError: no such luck)"),
        ([FAIL, PASS, FAIL], "fail", (2, 3), "1 of 3 attempts: pass"),
        ([FAIL, OTHER, OTHER], "fail", (2, 3), "1 of 3 attempts: fail (ValueError: no such luck)"),
        ([FAIL, OTHER, THIRD], "fail", (1, 3), None),
        ([PASS, FAIL], "fail", (1, 2), "1 of 2 attempts: pass"),
        ([FAIL, CRASH, PASS], "crash", (1, 3), None),
        ([PASS, PASS, FAIL, CRASH, HANG], "timeout", (1, 5), None),
        ([PASS, LOST, PASS], "pass", (2, 3), "1 of 3 attempts: error (the daemon is gone)"),
        ([PASS, LOST], "error", (1, 2), "1 of 2 attempts: pass"),
        ([FAIL, LOST], "fail", (1, 2), "1 of 2 attempts: error (the daemon is gone)"),
        ([PASS, SKIP], "skip", (1, 2), "1 of 2 attempts: pass"),
    ],
)
def test_most_decide(
    runs: list[Execution], verdict: str, votes: tuple[int, int], note: str
) -> None:
    found = majority(runs)
    assert classify(found).verdict.value == verdict
    assert (found.agreed, found.attempts) == votes
    assert note is None or found.note == note


def test_the_most_frequent_signature_speaks_for_the_verdict() -> None:
    assert classify(majority([FAIL, OTHER, OTHER])).signature == "TypeError: another"


def test_observations_are_of_a_run_that_agrees() -> None:
    odd = Execution(exit_code=1, errors="ValueError: x\n", observations={"loss": 9})
    assert majority([odd, PASS, PASS]).observations == {"loss": 1}


@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=9))
def test_whatever_was_seen(runs: list[Execution]) -> None:
    found = majority(runs)
    said = [classify(run).verdict for run in runs]
    verdict = classify(found).verdict
    assert found.attempts == len(runs)
    assert found.agreed == [classify(run).finding for run in runs].count(classify(found).finding)
    winners = [one for one in Verdict if 2 * said.count(one) > len(said)]
    assert [verdict] == (winners or [min(said, key=WORST.index)])
    assert any(run.errors == found.errors and run.signal == found.signal for run in runs)
    assert bool(found.note) == (
        len({(classify(r).verdict, classify(r).signature) for r in runs}) > 1
    )


@given(
    st.lists(st.sampled_from([PASS, CRASH, HANG, SKIP, LOST]), min_size=1, max_size=9), st.randoms()
)
def test_the_order_of_the_runs_does_not_decide(runs: list[Execution], rnd: random.Random) -> None:
    shuffled = rnd.sample(runs, len(runs))
    one, other = majority(runs), majority(shuffled)
    assert (classify(one).verdict, one.agreed) == (classify(other).verdict, other.agreed)


@pytest.mark.parametrize(
    ("again", "verdict", "votes"),
    [
        (FAIL, "fail", (2, 2)),
        (PASS, "fail", (1, 2)),
        (CRASH, "crash", (1, 2)),
        (OTHER, "fail", (1, 2)),
        (LOST, "fail", (0, 1)),
    ],
    ids=["the-same", "another", "worse", "another-failure", "unmeasured"],
)
def test_confirming_counts_both(again: Execution, verdict: str, votes: tuple[int, int]) -> None:
    found = with_another_vote(FAIL, again)
    assert classify(found).verdict.value == verdict
    assert (found.agreed, found.attempts) == votes


@pytest.mark.parametrize(
    ("again", "verdict", "votes", "note"),
    [
        (FAIL, "fail", (3, 4), "1 of 3 attempts: pass"),
        (PASS, "fail", (2, 4), "1 of 3 attempts: pass; then pass"),
        (CRASH, "fail", (2, 4), "1 of 3 attempts: pass; then crash (SIGSEGV)"),
    ],
)
def test_confirming_a_vote_adds_one_to_it(
    again: Execution, verdict: str, votes: tuple[int, int], note: str
) -> None:
    found = with_another_vote(majority([FAIL, PASS, FAIL]), again)
    assert classify(found).verdict.value == verdict
    assert (found.agreed, found.attempts, found.note) == (*votes, note)


def test_every_verdict_has_its_place() -> None:
    assert set(WORST) == set(Verdict)
