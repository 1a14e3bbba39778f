"""Execution → Outcome."""

from __future__ import annotations

import pytest
from attrs import evolve

from runner.cells.classify import classify, contradicts
from runner.model import Execution, Expectation, Outcome, Rule, Verdict

TRACEBACK = (
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no\n'
)


@pytest.mark.parametrize(
    ("execution", "verdict", "signature"),
    [
        (Execution(exit_code=0), "pass", None),
        (Execution(exit_code=0, errors=TRACEBACK), "pass", None),
        (Execution(exit_code=1, errors=TRACEBACK), "fail", "ValueError: no"),
        (Execution(exit_code=125, errors="no tf.function here\n"), "skip", None),
        (Execution(killed_for="timeout", signal=9, seconds=3), "timeout", "timeout"),
        (Execution(killed_for="memory", signal=9), "oom", "out of memory"),
        (Execution(killed_for="processes", signal=9), "fail", "killed for processes"),
        (Execution(trouble="the daemon went away", exit_code=1), "error", None),
        (Execution(), "error", None),
    ],
)
def test_the_table(execution: Execution, verdict: str, signature: str | None) -> None:
    outcome = classify(execution)
    assert (outcome.verdict.value, outcome.signature) == (verdict, signature)


IDLE = "it hangs: it has used no processor time for 31 s"


@pytest.mark.parametrize(
    ("execution", "reason"),
    [
        (Execution(killed_for="timeout", limit=1.5, seconds=2), "still running after 1.5 s"),
        (Execution(killed_for="timeout", limit=120.0, seconds=31, notes=("a", IDLE)), IDLE),
        (
            Execution(killed_for="memory", limit=700, max_rss_mb=731),
            "killed for memory, over 700 MiB",
        ),
        (
            Execution(killed_for="processes", limit=512),
            "killed for processes, over 512 processes and threads",
        ),
        (Execution(killed_for="disk", limit=64), "killed for disk, over 64 MiB written"),
    ],
)
def test_the_reason_names_the_limit(execution: Execution, reason: str) -> None:
    assert classify(evolve(execution, signal=9)).reason == reason


def test_a_crash_is_named_by_its_signal() -> None:
    outcome = classify(Execution(signal=11))
    assert outcome.verdict is Verdict.CRASH
    assert outcome.signature == "SIGSEGV"


def test_a_skip_gives_the_scripts_own_reason() -> None:
    errors = "warning: something\ntf.function came with 1.14\n\n"
    assert classify(Execution(exit_code=125, errors=errors)).reason == "tf.function came with 1.14"


def test_trouble_outranks_everything_else() -> None:
    """What the tool could not measure is never evidence about TensorFlow."""
    execution = Execution(trouble="disk full", signal=11, killed_for="memory", exit_code=1)
    assert classify(execution) == Outcome(verdict=Verdict.ERROR, reason="disk full")


EXPECTED = Expectation(rule=Rule(), verdict=Verdict.FAIL, signature="placeholder", source="article")


@pytest.mark.parametrize(
    ("outcome", "unexpected"),
    [
        (Outcome(verdict=Verdict.FAIL, signature="X: feed a placeholder"), False),
        (Outcome(verdict=Verdict.FAIL, signature="X: something else"), True),
        (Outcome(verdict=Verdict.PASS), True),
        (Outcome(verdict=Verdict.SKIP), False),
        (Outcome(verdict=Verdict.ERROR), False),
    ],
)
def test_expectations(outcome: Outcome, unexpected: bool) -> None:
    assert contradicts(outcome, EXPECTED) is unexpected
    assert not contradicts(outcome, None)
