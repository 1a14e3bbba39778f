"""`run -- python -m unittest`: its files and tests are those of unittest, which runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner import paths
from runner.errors import UsageError
from runner.scripts import commands, suites
from runner.scripts.unittest_words import OPTIONS

ONE = "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n"
TWO = """
import unittest

def test_function(): raise ValueError
class TestNothing:
    def test_x(self): raise ValueError

class Base(unittest.TestCase):
    def test_base(self): pass
class Layers(Base):
    @unittest.skip("later")
    def test_Layer(self): pass
    def test_layer(self): pass
class Single(unittest.TestCase):
    def runTest(self): pass
"""
OUTCOMES = """
import unittest

class Odd(unittest.TestCase):
    def test_pass(self): pass
    def test_fail(self): self.assertEqual(1, 2)
    def test_error(self): raise ValueError("broken")
    @unittest.skip("not here")
    def test_skip(self): pass
    def test_skip_inside(self): self.skipTest("later")
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_subtests_pass(self):
        for number in range(3):
            with self.subTest(number=number): self.assertLess(number, 3)
    def test_subtests_fail(self):
        for number in range(3):
            with self.subTest(number=number): self.assertLess(number, 1)
    def test_cleanup(self): self.addCleanup(self.fail, "at the end")

class SkippedClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("whole class")
    def test_never(self): pass

class Torn(unittest.TestCase):
    def tearDown(self): raise KeyError("torn")
    def test_torn(self): pass
"""
FILES = {
    "test_top.py": ONE,
    "check_top.py": ONE,
    "plain/test_plain.py": ONE,
    "tests/__init__.py": "",
    "tests/test_two.py": TWO,
    "tests/sub/__init__.py": "",
    "tests/sub/test_one.py": ONE,
    "tests/sub/test-no-module.py": ONE,
}
LISTED = """
import sys, unittest
class Result(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        sys.stdout.write(test.id() + "\\n")
unittest.TextTestRunner.resultclass = Result
unittest.main(module=None, argv=["unittest", *sys.argv[1:]])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, **FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def cases(line: str) -> dict[str, tuple[str, ...]]:
    suite = commands.script_of_command(["python", "-m", "unittest", *line.split()]).suite
    assert suite is not None
    assert suite.options == OPTIONS
    return {case.name: case.args[len(OPTIONS) :] for case in suites.cases(suite)}


def refusal(line: str) -> str:
    with pytest.raises(UsageError) as refused:
        cases(line)
    assert "\n" not in refused.value.one_line
    return refused.value.one_line


def told_by_driver(folder: Path, line: str) -> dict[str, str]:
    """What the driver, with the pytest that is here, tells of each test."""
    found: dict[str, str] = {}
    paths_named = [path for args in cases(line).values() for path in args]
    command = [sys.executable, str(paths.suite_driver()), *OPTIONS, *paths_named]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=folder, env=alone, capture_output=True, text=True, check=False
    )
    for said in done.stdout.splitlines():
        facts = json.loads(said[len("::test ") :]) if said.startswith("::test ") else {}
        if "end" in facts:
            found[facts["end"]] = facts["ended"]
    return found


def run_by_unittest(folder: Path, line: str) -> set[str]:
    command = [sys.executable, "-c", LISTED, *line.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-v -k layer",
        "-k two.Base -k sub.",
        "discover -s tests -t .",
        "discover -s plain",
        "discover . check*.py",
        "tests.sub.test_one.T tests.test_two.Layers.test_base",
        "plain.test_plain tests/test_two.py",
        "tests.test_two.Layers.test_base tests.test_two -k *.Layers.test_[Lb]a*er -k Single",
    ],
)
def test_the_tests_are_those_that_unittest_runs(folder: Path, line: str) -> None:
    told = told_by_driver(folder, line)
    ids = {name.replace(".py::", ".").replace("::", ".").replace("/", ".") for name in told}
    expected = run_by_unittest(folder, line)
    assert expected
    if line == "discover -s plain":  # unittest names modules from the folder where it begins
        expected = {f"plain.{name}" for name in expected}
    assert ids == expected


def test_outcomes_are_those_of_unittest(folder: Path) -> None:
    write(folder, **{"test_odd.py": OUTCOMES})
    settings = "[pytest]\naddopts = -k nothing\nfilterwarnings = error\n"
    write(folder, **{"pytest.ini": settings, "conftest.py": "raise RuntimeError"})
    told = told_by_driver(folder, "test_odd")
    assert {name.rpartition("::")[2]: ended for name, ended in told.items()} == {
        "test_pass": "passed",
        "test_fail": "failed",
        "test_error": "failed",
        "test_skip": "skipped",
        "test_skip_inside": "skipped",
        "test_expected": "xfailed",
        "test_unexpected": "failed",
        "test_subtests_pass": "passed",
        "test_subtests_fail": "failed",
        "test_cleanup": "failed",
        "test_never": "skipped",
        "test_torn": "failed",
    }


def test_options_without_effect_are_said(folder: Path) -> None:
    words = ["python3", "-m", "unittest", "-fbc", "--locals", "test_top"]
    found = commands.script_of_command(words)
    assert found.packages == ("pytest",)
    assert found.name == "test_top"
    assert found.remarks == (
        "without effect, because each test is a row: --failfast, --buffer, --catch, --locals",
    )
    assert commands.script_of_command(["python", "-m", "unittest", "-v"]).remarks == ()


def test_help_is_that_of_unittest(folder: Path) -> None:
    assert commands.script_of_command(["python", "-m", "unittest", "-h"]).suite is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nothing", "there is no such module"),
        ("tests", "use discover -s tests -t ."),
        ("test_top.T.helper", "test_top.py defines no test T.helper"),
        ("tests.test_two.TestNothing", "defines no test TestNothing"),
        ("tests.test_two.test_function", "defines no test test_function"),
        ("test_top -k nothing", "no test is named like nothing"),
        ("-k", "argument -k: expected one argument"),
        ("-s tests", "unrecognized arguments: -s"),
        ("discover -s nowhere", "there is no folder nowhere"),
        ("discover -s ..", "is outside"),
        ("discover -s plain -t .", "plain has no __init__.py"),
        ("discover -s plain -t tests", "is not inside"),
        ("discover -p nothing*.py", "expected nothing*.py"),
        ("discover . test*.py . more", "unexpected more"),
    ],
)
def test_bad_words_are_refused(folder: Path, line: str, says: str) -> None:
    assert says in refusal(line)


SKIPS = """
    def test_y(self):
        with self.subTest():
            self.skipTest("x")
"""


@pytest.mark.parametrize(
    ("line", "name", "text", "says"),
    [
        ("test_odd", "test_odd.py", "def load_tests(*_): pass\n", "does not call load_tests"),
        ("", "tests/__init__.py", "from x import load_tests\n", "does not call load_tests"),
        ("test_odd", "test_odd.py", f"{ONE}    __test__ = False\n", "__test__"),
        ("test_odd", "test_odd.py", ONE + SKIPS, "at a skip in its subTest"),
        ("plain.test_odd", "plain/test_odd.py", f"from .a import b\n{ONE}", "imports differ"),
        ("discover tests", "tests/test_odd.py", f"from .a import b\n{ONE}", "imports differ"),
        ("discover tests", "tests/test_odd.py", f"import test_two\n{ONE}", "imports differ"),
        ("-k x", "test_odd.py", f"from y import TestZ\n{ONE}", "known only at run time"),
        ("-k x", "test_odd.py", "class A(B, C): 0\nclass B(A): 0\n", "known only at run time"),
        ("-k x", "test_odd.py", f"{ONE}class U(b.Base): pass\n", "known only at run time"),
        ("-k x", "test_odd.py", f"{ONE}    def runTest(self): 0\n", "runs runTest too"),
        ("-k x", "test_odd.py", f"{ONE}    test_y = test_x\n", "known only at run time"),
        ("-k x", "test_odd.py", f"{ONE}    @each(1)\n    def test_y(self): 0\n", "at run time"),
    ],
)
def test_files_that_pytest_runs_differently_are_refused(
    folder: Path, line: str, name: str, text: str, says: str
) -> None:
    write(folder, **{name: text})
    assert says in refusal(line)
    assert "use the command for pytest" in refusal(line)
