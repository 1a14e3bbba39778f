"""A script that cannot have said anything about TensorFlow is not judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.cells.results import judged_result
from runner.matrix import plan
from runner.model import Case, Cell, Device, Execution, Repro, Result
from runner.releases import catalogue

RELEASE = catalogue.load_releases()[-1]
USES_NONE = "it never imported TensorFlow"


def result(folder: Path, source: str, *, needs_tensorflow: bool = True, **facts: object) -> Result:
    script = folder / "mine.py"
    script.write_text(source, "utf-8")
    repro = Repro(name="mine", script=script, needs_tensorflow=needs_tensorflow)
    target = plan.target(RELEASE, Device.CPU)
    cell = Cell(repro=repro, case=Case(name="default"), target=target)
    execution = Execution(**{"exit_code": 0, "imported": True, **facts})  # type: ignore[arg-type]
    return judged_result(cell, "environment", execution)


@pytest.mark.parametrize(("exit_code", "said"), [(0, USES_NONE), (1, f"exit 1, and {USES_NONE}")])
def test_a_script_that_imports_no_tensorflow_is_not_judged(
    tmp_path: Path, exit_code: int, said: str
) -> None:
    found = result(tmp_path, "print(1)", exit_code=exit_code, imported=False)
    assert found.outcome.verdict.value == "error"
    assert found.outcome.reason.startswith(said)
    assert found.outcome.signature is None
    assert not found.unexpected


def test_what_ended_it_before_is_said(tmp_path: Path) -> None:
    errors = (
        'Traceback (most recent call last):\n  File "mine.py", line 1, in <module>\n'
        "    open('table.csv')\nValueError: no columns\n"
    )
    found = result(tmp_path, "", exit_code=1, imported=False, errors=errors)
    assert found.outcome.verdict.value == "error"
    assert found.outcome.reason.startswith(f"ValueError: no columns, and {USES_NONE}")


def test_unless_that_is_allowed(tmp_path: Path) -> None:
    found = result(tmp_path, "print(1)", imported=False, needs_tensorflow=False)
    assert found.outcome.verdict.value == "pass"


@pytest.mark.parametrize(
    "errors",
    [
        'Traceback (most recent call last):\n  File "mine.py", line 1, in <module>\n'
        "    import keras\nModuleNotFoundError: No module named 'keras'\n",
        "Traceback (most recent call last):\n"
        '  File "/environment/lib/python3.10/site-packages/tensorflow/__init__.py", line 1, in f\n'
        "    g()\nImportError: no\n",
    ],
)
def test_an_import_that_failed_is_evidence(tmp_path: Path, errors: str) -> None:
    assert result(tmp_path, "", exit_code=1, imported=False, errors=errors).outcome.verdict.judged


def test_so_is_one_whose_failure_is_survived(tmp_path: Path) -> None:
    source = "try:\n    import keras\nexcept ImportError:\n    print('none')\n"
    assert result(tmp_path, source, imported=False).outcome.verdict.value == "pass"


@pytest.mark.parametrize(
    "facts",
    [{"imported": None}, {"imported": True}, {"exit_code": None, "signal": 11, "imported": False}],
)
def test_where_it_cannot_be_seen_or_does_not_matter_it_is_judged(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    assert result(tmp_path, "print(1)", **facts).outcome.verdict.judged


UNRUN = {
    "a function": ("def test_addition():\n    assert 1 + 1 == 3\n", "test_addition"),
    "with imports": (
        '"""About."""\nimport tensorflow as tf\n\nN = 3\n\ndef test_it():\n    pass\n',
        "test_it",
    ),
    "a group": ("class TestIt:\n    def test_a(self): pass\n", "TestIt"),
    "unittest's": (
        "import unittest\nclass It(unittest.TestCase):\n    def test_a(self): pass\n",
        "It",
    ),
}


@pytest.mark.parametrize(("source", "name"), UNRUN.values(), ids=UNRUN)
def test_tests_that_nothing_ran_are_not_judged(tmp_path: Path, source: str, name: str) -> None:
    found = result(tmp_path, source)
    assert found.outcome.verdict.value == "error"
    assert found.outcome.reason == f"it defines tests that nothing ran: {name}"


RUN = {
    "called": "def test_a(): pass\ntest_a()\n",
    "by unittest": "class T(unittest.TestCase):\n    def test_a(self): pass\n\n"
    "if __name__ == '__main__':\n    unittest.main()\n",
    "no tests": "import tensorflow as tf\nx = tf.constant(1)\n",
    "a helper of that name": "def testing(): pass\nprint(testing())\n",
    "no Python": "print 'x'\n",
}


@pytest.mark.parametrize("source", RUN.values(), ids=RUN)
def test_a_script_that_does_something_is_judged(tmp_path: Path, source: str) -> None:
    assert result(tmp_path, source).outcome.verdict.value == "pass"


def test_a_run_of_no_tests_is_not_judged(tmp_path: Path) -> None:
    said = "\n----------\nRan 0 tests in 0.000s\n\nOK\n"
    assert result(tmp_path, "unittest.main()", output=said).outcome.reason == "it ran no tests"
