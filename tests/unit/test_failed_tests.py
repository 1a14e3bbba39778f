"""The set of failed tests is what a run of tests says, whichever way each Python prints it.

unittest is run here; `failed_tests/` holds what pytest printed on one failed test, two, a failed
fixture and a failed import, in three styles.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.cells.signature import exit_signature
from runner.cells.signature.failed_tests import joined_names

RECORDED = Path(__file__).parent / "failed_tests"
UNITTEST = """
import sys, unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual({a}, 1)
    def test_b(self): self.assertEqual({b}, 2)
    def test_c(self):
        with self.subTest(i=3): self.assertTrue({c})
class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): {setup}
    def test_d(self): pass
if __name__ == "__main__": unittest.main()
"""


def told_by_unittest(folder: Path, **values: str) -> str:
    script = folder / "script.py"
    given = {"a": "1", "b": "2", "c": "True", "setup": "pass", **values}
    script.write_text(UNITTEST.format(**given), "utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    return exit_signature(done.returncode, done.stderr, done.stdout + done.stderr)


def test_unittest_names_what_failed(tmp_path: Path) -> None:
    assert told_by_unittest(tmp_path, b="3") == "failed test T.test_b: AssertionError: 3 != 2"
    assert told_by_unittest(tmp_path, a="0", b="{}[1]") == (
        "failed tests T.test_a (AssertionError), T.test_b (KeyError)"
    )
    assert told_by_unittest(tmp_path, c="False") == (
        "failed test T.test_c (i=3): AssertionError: False is not true"
    )
    assert told_by_unittest(tmp_path, setup="raise ValueError(1)") == (
        "failed test Broken.setUpClass: ValueError: 1"
    )


OLD = """F
======================================================================
FAIL: test_a_saves (__main__.T)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "unit.py", line 3, in test_a_saves
    self.assertEqual(True, False)
AssertionError: True != False

----------------------------------------------------------------------
Ran 2 tests in 0.000s

FAILED (failures=1)
"""


def test_python_3_11_names_the_method_twice() -> None:
    new = OLD.replace("(__main__.T)", "(__main__.T.test_a_saves)")
    assert (
        exit_signature(1, OLD)
        == exit_signature(1, new)
        == ("failed test T.test_a_saves: AssertionError: True != False")
    )


def test_absl_numbers_parameters() -> None:
    absl = OLD.replace("test_a_saves (", "test_a_saves0 (1, 2) (").replace("\nFAIL", "\nFAIL", 1)
    assert exit_signature(1, "[ RUN      ] T.test_a_saves0\n" + absl).startswith(
        "failed test T.test_a_saves0 (1, 2): "
    )


WHAT_PYTEST_SAID = {
    "one": "failed test test_a: AssertionError: assert 0 == 1",
    "two": "failed tests test_a (AssertionError), test_b[2] (AssertionError)",
    "setup": "failed test TestGroup.test_c: ValueError: no fixture",
    "import": "failed test test_script.py: "
    "ModuleNotFoundError: No module named 'nothing_of_the_kind'",
}


@pytest.mark.parametrize("style", ["usual", "quiet", "no-summary"])
@pytest.mark.parametrize("what", WHAT_PYTEST_SAID)
def test_pytest_names_what_failed(what: str, style: str) -> None:
    output = (RECORDED / f"{what}.{style}.txt").read_text("utf-8")
    assert exit_signature(1, "", output) == WHAT_PYTEST_SAID[what]


def test_many_tests_still_are_one_set_and_no_other() -> None:
    names = [f"Group.test_number_{n}" for n in range(100)]
    lines = {joined_names(names), joined_names(names[:-1]), joined_names(names[1:])}
    assert len(lines) == 3
    assert all(len(line) < 280 for line in lines)


def test_a_program_that_only_speaks_of_failures_runs_no_tests() -> None:
    assert (
        exit_signature(1, "", "FAIL: test_a (__main__.T)\n") == "exit 1: FAIL: test_a (__main__.T)"
    )


def test_an_unexpected_success_is_told_alike_by_every_python() -> None:
    ended = "-" * 70 + "\nRan 1 test in 0.000s\n\nFAILED (unexpected successes=1)\n"
    named = f"u\n{'=' * 70}\nUNEXPECTED SUCCESS: test_a (__main__.T.test_a)\n\n{ended}"
    assert exit_signature(1, f"u\n{ended}") == exit_signature(1, named)
    assert exit_signature(1, named) == "failed test unexpected successes: 1"


def test_doctest_names_the_examples_that_failed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"

    def told(example: str) -> str:
        script.write_text(
            f'def f():\n    """\n    >>> {example}\n    3\n    """\n'
            "import doctest, sys\nsys.exit(doctest.testmod()[0])\n",
            "utf-8",
        )
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
        return exit_signature(done.returncode, done.stderr, done.stdout + done.stderr)

    assert told("1 + 1") == "failed test f: 1 + 1"
    assert told("2 + 2") == "failed test f: 2 + 2"
