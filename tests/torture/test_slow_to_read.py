"""Output that is made to be slow to read: what a script prints is looked at by expressions, and
one that reads a long line again from each of its letters takes minutes for what is kept of it."""

from __future__ import annotations

import time

import pytest

from runner.cells import matches, results
from runner.cells.classify import classify
from runner.cells.printed import with_match
from runner.model import Execution, Verdict
from tests.unit.test_measure import CELL

SIZE = 256 * 1024
"""Bytes of output that are kept of a script."""
SECONDS = 10.0
"""Of the processor: below one where each letter is read a few times, minutes where it is not."""
TRACEBACK = 'Traceback (most recent call last):\n  File "/s/a.py", line 1, in <module>\n'
BEGINNINGS = {
    "none": "",
    "message": f"{TRACEBACK}ValueError: ",
    "file": f"{TRACEBACK}FileNotFoundError: [Errno 2] No such file or directory: '",
    "module": f"{TRACEBACK}ModuleNotFoundError: No module named '",
    "unittest": "Ran 1 test in 0.1s\n\nFAILED (\nFAIL: a ",
    "pytest": "FAILED a.py::",
    "heading": "____ ",
}
WORDS = ("a", "1", "_1", ".", "/", "~", "-", "1e", "0x", "a/", " ", "[", "=", "C:", '"a" ', "'")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(name, marks=[pytest.mark.torture] if text else [])
        for name, text in BEGINNINGS.items()
    ],
)
def test_what_a_script_prints_is_judged_in_time(beginning: str) -> None:
    line = BEGINNINGS[beginning]
    for word in WORDS:
        for output in (
            line + word * (SIZE // len(word)),
            f"{line}{word * (3_990 // len(word))}\n" * (SIZE // 4_000),
        ):
            for execution in (
                Execution(exit_code=0, output=output, imported=True),
                Execution(exit_code=1, output=output, errors=output, imported=True),
            ):
                began = time.process_time()
                results.judged_result(CELL, "e", execution)
                assert time.process_time() - began < SECONDS, (word, output[:300])


def test_no_expression_is_looked_for_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, "PATIENCE", 1.0)
    printed = Execution(exit_code=0, output="a" * 3_000 + "!\n", imported=True)
    outcome = classify(with_match(printed, "/^(a+)+$/"))
    assert outcome.verdict is Verdict.ERROR
    assert outcome.reason == (
        "the search for --fail-on /^(a+)+$/ took over 1 s: expected a simpler /regex/"
    )
    assert classify(with_match(printed, "/^a+!$/")).verdict is Verdict.FAIL
