"""A suite of tests: which files it has, what its driver tells, and what becomes of each test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import grid, paths
from runner.cells.classify import classify
from runner.cells.suites import forking, looks, reports, rounds, rows
from runner.cells.suites import tfmatrix_driver as driver
from runner.cli import running
from runner.errors import UsageError
from runner.matrix import config, plan
from runner.model import (
    Case,
    Cell,
    Device,
    Exclusion,
    Execution,
    Outcome,
    Repro,
    Result,
    Rule,
    Run,
    RunInfo,
    Suite,
    Variant,
    Verdict,
)
from runner.releases import catalogue
from runner.scripts import commands, pytest_files, suites

FILE = "tests/test_a.py"
TRACE = 'Traceback (most recent call last):\n  File "/repro/t.py", line 1, in test\n    f()\n'


def started(name: str) -> str:
    return json.dumps({"start": f"{FILE}::{name}"})


def ended(name: str, how: str = "passed", **facts: Any) -> str:
    return json.dumps({"end": f"{FILE}::{name}", "ended": how, "seconds": 0.5, **facts})


def both(name: str, how: str = "passed", **facts: Any) -> tuple[str, str]:
    return started(name), ended(name, how, **facts)


DONE = json.dumps({"done": 0})


def process(*lines: str, **facts: Any) -> Execution:
    return Execution(**{"exit_code": 0, "tests": lines, "imported": True, **facts})


def verdicts(execution: Execution) -> dict[str, tuple[str, str]]:
    found = {name: classify(row) for name, row in execution.rows.items()}
    return {
        name.rpartition("::")[2]: (one.verdict.value, one.signature or one.reason)
        for name, one in found.items()
    }


class Runs:
    """The processes of one file, one after the other; what each was told to leave out."""

    def __init__(self, *executions: Execution) -> None:
        self.left = list(executions)
        self.told: list[tuple[str, ...]] = []

    def __call__(self, more: tuple[str, ...]) -> Execution:
        self.told.append(more)
        return self.left.pop(0)


def run(*executions: Execution) -> Execution:
    runs = Runs(*executions)
    found = rounds.run_file(runs, FILE)
    assert not runs.left
    return found


# --- What pytest says of a test ------------------------------------------------------------------


def test_each_outcome_of_pytest_is_one_of_ours() -> None:
    found = run(
        process(
            *both("ok"),
            *both("bad", "failed", when="call", text=f"{TRACE}ValueError: no\n"),
            *both("fixture", "error", when="setup", text=f"{TRACE}KeyError: 'k'\n"),
            *both("skipped", "skipped", text="needs\n a GPU"),
            *both("expected", "xfailed", text="known"),
            *both("unittest's", "xfailed"),
            *both("better", "xpassed", text="known"),
            *both(
                "strict",
                "failed",
                when="call",
                text="Traceback (most recent call last):\nUnexpectedPass: known",
            ),
            DONE,
            exit_code=1,
        )
    )
    assert verdicts(found) == {
        "ok": ("pass", ""),
        "bad": ("fail", "ValueError: no"),
        "fixture": ("fail", "KeyError: 'k'"),
        "skipped": ("skip", "needs a GPU"),
        "expected": ("pass", ""),
        "unittest's": ("pass", ""),
        "better": ("pass", ""),
        "strict": ("fail", "UnexpectedPass: known"),
    }
    assert [note for row in found.rows.values() for note in row.notes if "mark" in note] == [
        "it fails, as it is marked to: known",
        "it fails, as it is marked to",
        "it is marked to fail, and passes: known",
    ]
    assert found.trouble is None
    assert found.tests == ()


def test_what_a_file_lacks_is_no_evidence() -> None:
    text = f"{TRACE}ModuleNotFoundError: No module named 'sklearn'\n"
    found = run(process(json.dumps({"collected": FILE, "ended": "error", "text": text}), DONE))
    ((verdict, reason),) = verdicts(found).values()
    assert (verdict, "--with scikit-learn" in reason) == ("error", True)
    assert not rows.is_evidence(cell_of(Suite(folder=Path())), found)


def test_a_fixture_that_a_plugin_would_bring() -> None:
    text = "Traceback (most recent call last):\nFixtureLookupError: fixture 'mocker' not found"
    found = run(process(*both("a", "error", when="setup", text=text), DONE))
    assert verdicts(found)["a"] == (
        "error",
        "needs pytest-mock, which is not in the environments: --with pytest-mock",
    )


def test_a_file_that_is_skipped_whole_is_one_row() -> None:
    skipped = json.dumps({"collected": FILE, "ended": "skipped", "text": "no GPU"})
    found = run(process(skipped, json.dumps({"done": 5}), exit_code=5))
    assert verdicts(found) == {FILE: ("skip", "no GPU")}


def test_a_file_without_tests_has_no_rows() -> None:
    found = run(process(json.dumps({"done": 5}), exit_code=5))
    assert (dict(found.rows), found.trouble) == ({}, None)


FACTS = ("start", "end", "ended", "text", "when", "seconds", "observed", "done", "collected")
OBJECTS = st.recursive(
    st.none() | st.integers() | st.text() | st.floats(),
    lambda inner: st.dictionaries(st.sampled_from(FACTS), inner),
    max_leaves=8,
)


@given(st.lists(st.text() | OBJECTS.map(json.dumps)))
def test_no_line_is_too_strange(lines: list[str]) -> None:
    told = reports.read_reports(process(*lines), FILE)
    assert all(classify(row).verdict for row in told.rows.values())


# --- What takes the process with it --------------------------------------------------------------


def test_a_crash_costs_one_test() -> None:
    runs = Runs(
        process(*both("a"), started("b"), exit_code=None, signal=11),
        process(*both("c"), DONE),
    )
    found = rounds.run_file(runs, FILE)
    assert {name: verdict for name, (verdict, _) in verdicts(found).items()} == {
        "a": "pass",
        "b": "crash",
        "c": "pass",
    }
    assert [len(one) for one in runs.told] == [0, 1]


def test_a_limit_is_that_of_one_test() -> None:
    """`b` had what `a` left of the time, so that it begins again; then it hangs by itself."""
    over = {"exit_code": None, "signal": 9, "killed_for": "timeout"}
    found = run(
        process(*both("a"), started("b"), **over),
        process(started("b"), **over),
        process(*both("c"), started("d"), **over),
        process(*both("d"), DONE),
    )
    assert {name: verdict for name, (verdict, _) in verdicts(found).items()} == {
        "a": "pass",
        "b": "timeout",
        "c": "pass",
        "d": "pass",
    }


def test_who_ends_the_process_has_not_passed() -> None:
    found = run(process(started("a")), process(*both("b"), DONE))
    assert verdicts(found) == {
        "a": ("fail", "SystemExit: the process ended with 0 in the middle of the tests"),
        "b": ("pass", ""),
    }


def test_a_crash_while_tests_are_collected_is_the_files() -> None:
    found = run(process(exit_code=None, signal=6))
    assert verdicts(found) == {FILE: ("crash", "SIGABRT")}


def test_a_crash_when_all_is_done_is_not_lost() -> None:
    found = run(process(*both("a"), DONE, exit_code=None, signal=6))
    assert verdicts(found) == {"a": ("pass", ""), FILE: ("crash", "SIGABRT")}


def test_pytest_that_cannot_begin_is_no_evidence() -> None:
    refused = (
        "ERROR: usage: pytest [options] [file_or_dir]\n"
        "pytest: error: unrecognized arguments: --cov=mine\n  inifile: None\n"
    )
    found = run(process(json.dumps({"done": 4}), exit_code=4, errors=refused))
    assert found.trouble is not None
    assert found.trouble.endswith("unrecognized arguments: --cov=mine: --with pytest-cov")


@pytest.mark.parametrize(
    ("said", "needs", "options"),
    [
        (
            "unrecognized arguments: -n --timeout=60 tests/test_a.py",
            "needs pytest-xdist and pytest-timeout: ",
            ": --with pytest-xdist --with pytest-timeout",
        ),
        (
            "Missing required plugins: pytest-cov>=2, pytest-mock",
            "needs pytest-cov>=2 and pytest-mock: ",
            ": --with 'pytest-cov>=2' --with pytest-mock",
        ),
        ("unrecognized arguments: --size", "pytest refuses its arguments: unrecognized", "--size"),
    ],
)
def test_each_plugin_that_pytest_lacks_is_named(said: str, needs: str, options: str) -> None:
    found = run(process(json.dumps({"done": 4}), exit_code=4, errors=f"ERROR: {said}\n"))
    assert found.trouble is not None
    assert (found.trouble.startswith(needs), found.trouble.endswith(options)) == (True, True)


def test_an_exception_in_a_conftest_is_evidence() -> None:
    said = (
        "ImportError while loading conftest '/repro/conftest.py'.\nconftest.py:2: in <module>\n"
        "E   AttributeError: module 'tensorflow' has no attribute 'Session'\n"
    )
    found = run(process(json.dumps({"done": 4}), exit_code=4, errors=said))
    assert found.trouble is None
    assert verdicts(found) == {
        FILE: ("fail", "AttributeError: module 'tensorflow' has no attribute 'Session'")
    }


def test_a_plugin_that_cannot_be_imported_is_told_by_its_own_exception() -> None:
    """pytest then ends by an exception of its own, before it has settings."""
    frame = '  File "/repro/fixtures_here.py", line 2, in <module>\n    tf.gone\n'
    said = "AttributeError: module 'tensorflow' has no attribute 'gone'"
    found = run(process(exit_code=1, errors=f"Traceback (most recent call last):\n{frame}{said}\n"))
    assert verdicts(found) == {FILE: ("fail", said)}
    lacked = "ImportError: Error importing plugin \"nobody\": No module named 'nobody'\n"
    found = run(process(exit_code=1, errors=f"Traceback (most recent call last):\n{frame}{lacked}"))
    ((verdict, why),) = verdicts(found).values()
    assert (verdict, why.partition(":")[0]) == ("error", "needs the module nobody")


def test_trouble_keeps_what_was_measured() -> None:
    found = run(process(*both("a"), trouble="the daemon is gone"))
    assert (list(found.rows), found.trouble) == ([f"{FILE}::a"], "the daemon is gone")


# --- What is not believed at once ----------------------------------------------------------------


def file_of(*lines: str, mode: str = "fork", **facts: Any) -> Execution:
    return run(process(*lines, DONE, mode=mode, **facts))


def believed(first: Execution, second: Execution, said: Sequence[str] = ()) -> Execution:
    left = {"fork": first, "fresh": second}
    return looks.run_with_second_look(
        lambda mode: left.pop(mode), "fork", lambda _: frozenset(said)
    )


FAILS = both("b", "failed", when="call", text=f"{TRACE}ValueError: no\n")


def test_a_failure_of_a_fork_is_looked_at_again_with_its_file() -> None:
    first = file_of(*both("a"), *FAILS)
    second = file_of(*both("a"), *both("b"), mode="fresh")
    found = believed(first, second)
    assert verdicts(found) == {"a": ("pass", ""), "b": ("pass", "")}
    a, b = found.rows[f"{FILE}::a"], found.rows[f"{FILE}::b"]
    assert (a.attempts, b.attempts) == (1, 2)
    assert "ValueError" in b.note


def test_what_a_fresh_process_has_said_before_is_believed() -> None:
    first = file_of(*both("a"), *FAILS)
    assert believed(first, first, ["ValueError: no"]) == first


def test_votes_are_counted_for_each_test() -> None:
    once = file_of(*both("a"), *FAILS)
    twice = file_of(*both("a"), *both("b"))
    cell = cell_of(Suite(folder=Path()))
    found = rows.with_another_vote(cell, once, twice)
    assert verdicts(found) == {"a": ("pass", ""), "b": ("fail", "ValueError: no")}
    votes = {name[-1]: (row.agreed, row.attempts) for name, row in found.rows.items()}
    assert votes == {"a": (2, 2), "b": (1, 2)}


# --- Results -------------------------------------------------------------------------------------


def cell_of(suite: Suite, globs: Sequence[str] = (), **repro: Any) -> Cell:
    case = Case(name=FILE, args=(FILE,))
    mine = Repro(name="mine", script=Path("driver.py"), suite=suite, cases=(case,), **repro)
    target = plan.target(catalogue.load_releases()[-1], Device.CPU)
    return Cell(repro=mine, case=case, target=target, wanted=tuple(globs))


def results(cell: Cell, execution: Execution) -> dict[str, tuple[str, str]]:
    found = [result for result, _ in rows.results(cell, "environment", execution)]
    return {
        one.case.removeprefix(f"{FILE}::"): (one.outcome.verdict.value, one.outcome.reason)
        for one in found
    }


NAMES = ["a[x-1]", "a[é ü]", "T::b c", "d[a/b]"]


def test_rows_are_named_by_their_node() -> None:
    found = file_of(*(line for name in NAMES for line in both(name)))
    assert list(results(cell_of(Suite(folder=Path())), found)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_means_itself_whatever_letters_it_has(name: str) -> None:
    found = file_of(*(line for name in NAMES for line in both(name)))
    cell = cell_of(Suite(folder=Path()), [f"{FILE}::{name}"])
    assert list(results(cell, found)) == [name]


def test_where_a_test_failed_is_told() -> None:
    error = both("a", "error", when="setup", text=f"{TRACE}KeyError: 1\n")
    found = results(cell_of(Suite(folder=Path())), file_of(*error, *FAILS, mode="fresh"))
    assert found == {"a": ("fail", "error in a fixture, at setup"), "b": ("fail", "")}


def test_a_test_that_is_excluded_is_a_skip() -> None:
    rule = Exclusion(rule=Rule(cases=(f"{FILE}::b",)), reason="known to be slow")
    found = results(cell_of(Suite(folder=Path()), exclusions=(rule,)), file_of(*both("a"), *FAILS))
    assert found == {"a": ("pass", ""), "b": ("skip", "known to be slow")}


def test_tests_without_tensorflow_say_nothing_of_it() -> None:
    found = file_of(*both("a"), mode="fresh", imported=False)
    cell = cell_of(Suite(folder=Path()))
    assert results(cell, found)["a"][0] == "skip"
    allowed = evolve(cell, repro=evolve(cell.repro, needs_tensorflow=False))
    assert results(allowed, found)["a"][0] == "pass"


def test_a_variant_is_named_as_with_other_cases() -> None:
    variant = Variant(name="keras=legacy")
    cell = cell_of(Suite(folder=Path()), [f"{FILE}::a@keras=*"])
    cell = evolve(cell, case=Case(name=f"{FILE}@keras=legacy", variant=variant))
    found = rows.results(cell, "environment", file_of(*both("a"), *both("b")))
    assert [one.case for one, _ in found] == [f"{FILE}::a@keras=legacy"]


def test_a_run_of_no_test_is_wrong_use() -> None:
    info = RunInfo(id="r", started="", engine="local", tool_version="0", command="")
    run = Run(info=info, environments=(), results=(), repros=(cell_of(Suite(folder=Path())).repro,))
    with pytest.raises(UsageError, match="mine: pytest found none of the selected tests"):
        running.check_tests(run)


# --- A grid of tests -----------------------------------------------------------------------------


def result_of(version: str, case: str, verdict: Verdict = Verdict.PASS) -> Result:
    return Result(
        repro="mine",
        case=case,
        tensorflow=version,
        python="3.10",
        device="cpu",
        environment=version,
        outcome=Outcome(verdict=verdict),
    )


def test_tests_that_a_release_has_not_are_no_cells_there() -> None:
    other = "tests/test_b.py"
    cases = (Case(name=FILE), Case(name=other))
    repro = evolve(cell_of(Suite(folder=Path())).repro, cases=cases)
    found = (
        result_of("2.1.0", f"{other}::x"),
        result_of("2.1.0", f"{FILE}::a[1]"),
        result_of("2.2.0", f"{FILE}::a[1]"),
        result_of("2.2.0", f"{FILE}::a[2]"),
        result_of("2.2.0", other, Verdict.FAIL),
    )
    info = RunInfo(id="r", started="", finished="x", engine="local", tool_version="0", command="")
    built = grid.build_grid(Run(info=info, environments=(), results=found, repros=(repro,)))
    shown = {
        row.case: ["none" if m.impossible else m.verdict and m.verdict.value for m in marks]
        for row, marks in zip(built.rows, built.marks)
    }
    assert list(shown.items()) == [
        (f"{FILE}::a[1]", ["pass", "pass"]),
        (f"{FILE}::a[2]", ["none", "pass"]),
        (other, ["none", "fail"]),
        (f"{other}::x", ["pass", None]),
    ]


# --- Which files there are -----------------------------------------------------------------------


def project(folder: Path, *names: str, **settings: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("def test_x():\n    pass\n", "utf-8")
    for name, text in settings.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return folder


def files(folder: Path, *arguments: str) -> list[str]:
    return [case.name for case in suites.cases(suites.suite_of_arguments(arguments, folder))]


def test_files_are_found_as_pytest_finds_them(tmp_path: Path) -> None:
    project(
        tmp_path,
        *("tests/test_a.py", "tests/sub/b_test.py", "tests/helper.py", "build/test_c.py"),
        *(".git/test_d.py", "env/pyvenv.cfg", "env/test_e.py", "conftest.py"),
    )
    assert files(tmp_path) == ["tests/test_a.py", "tests/sub/b_test.py"]
    assert files(tmp_path, "tests/sub") == ["tests/sub/b_test.py"]
    assert files(tmp_path, "tests/helper.py") == ["tests/helper.py"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest__ini", "[pytest]\npython_files = check_*.py\ntestpaths = checks\n"),
        ("tox__ini", "[pytest]\npython_files = check_*.py\ntestpaths = checks\n"),
        ("setup__cfg", "[tool:pytest]\npython_files = check_*.py\ntestpaths = checks\n"),
        ("pytest__toml", '[pytest]\npython_files = ["check_*.py"]\ntestpaths = ["checks"]\n'),
        (
            "pyproject__toml",
            '[tool.pytest.ini_options]\npython_files = ["check_*.py"]\ntestpaths = ["checks"]\n',
        ),
    ],
)
def test_a_projects_settings_count(tmp_path: Path, name: str, text: str) -> None:
    project(tmp_path, "checks/check_a.py", "checks/test_b.py", "check_c.py", **{name: text})
    assert files(tmp_path) == ["checks/check_a.py"]


def test_files_that_are_ignored_are_not_run(tmp_path: Path) -> None:
    project(tmp_path, "tests/test_a.py", "tests/old/test_b.py", "tests/test_c_gpu.py")
    assert files(tmp_path, "--ignore=tests/old", "--ignore-glob", "*_gpu.py") == ["tests/test_a.py"]
    assert files(tmp_path, "--ignore", "./tests/test_a.py", "tests") == [
        "tests/test_c_gpu.py",
        "tests/old/test_b.py",
    ]
    assert files(tmp_path, "--ignore=tests", "tests/test_a.py") == ["tests/test_a.py"]
    ini = "[pytest]\naddopts = --ignore=tests/old --ignore=../elsewhere -q\n"
    (tmp_path / "pytest.ini").write_text(ini, "utf-8")
    assert files(tmp_path) == ["tests/test_a.py", "tests/test_c_gpu.py"]


def test_examples_in_docstrings_are_found(tmp_path: Path) -> None:
    project(tmp_path, "tests/test_a.py", "mine/plain.py")
    example = "'''\n>>> 1 + 1\n2\n'''\n"
    for name in ("mine/shown.py", "setup.py", "docs/guide.rst", "docs/test_guide.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(example, "utf-8")
    assert files(tmp_path) == ["docs/test_guide.txt", "tests/test_a.py"]
    assert files(tmp_path, "--doctest-modules", "mine") == ["mine/shown.py"]
    assert files(tmp_path, "--doctest-glob=*.rst") == ["docs/guide.rst", "tests/test_a.py"]
    with pytest.raises(UsageError, match=r"or examples in docstrings"):
        files(tmp_path / "mine", "--doctest-modules", "--ignore=shown.py")


def test_an_option_overrides_a_setting(tmp_path: Path) -> None:
    project(tmp_path, "check_a.py", "test_b.py")
    assert files(tmp_path, "-o", "python_files=check_*.py") == ["check_a.py"]


def test_options_are_no_paths(tmp_path: Path) -> None:
    project(tmp_path, "layers/test_a.py", "tests/test_b.py")
    suite = suites.suite_of_arguments(["-k", "layers", "tests", "-x", "-m=slow"], tmp_path)
    assert (suite.paths, suite.options) == (("tests",), ("-k", "layers", "-x", "-m=slow"))
    (case,) = suites.cases(suite)
    assert case.args == ("-k", "layers", "-x", "-m=slow", "tests/test_b.py")


def test_tests_of_one_file_are_one_case(tmp_path: Path) -> None:
    project(tmp_path, "test_a.py")
    (case,) = suites.cases(
        suites.suite_of_arguments(["test_a.py::a", "./test_a.py::b[x y]"], tmp_path)
    )
    assert (case.name, case.args) == ("test_a.py", ("test_a.py::a", "test_a.py::b[x y]"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nowhere.py", "there is no nowhere.py"),
        ("../outside", "it is outside"),
        ("-k", "pytest -k: expected a value after it"),
        ("-v --ignore", "pytest --ignore: expected a value after it"),
        ("-c gone.ini", "pytest -c gone.ini: there is no gone.ini in "),
        ("--rootdir /", "pytest --rootdir: tests are named from the working folder"),
        ("--rootdir=x", "pytest --rootdir: tests are named from the working folder"),
        ("--pdb", "pytest --pdb: a cell has no terminal"),
        ("--trace", "pytest --trace: a cell has no terminal"),
        ("--co", "pytest --co: with this option, pytest runs no test"),
        ("--setup-only", "pytest --setup-only: with this option, pytest runs no test"),
        ("--pyargs mine", "pytest --pyargs: the tests are those of a folder"),
        ("--size=3 3", "there is no 3"),
        ("-x 3", "there is no 3"),
        ("--version", "pytest --version: with this option, pytest runs no test"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, arguments: str, says: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    with pytest.raises(UsageError, match=says):
        suites.suite_of_arguments(arguments.split(), tmp_path / "inside")


def test_the_value_of_an_option_of_the_project_is_no_path(tmp_path: Path) -> None:
    project(tmp_path, "tests/test_a.py")
    arguments = ["--size", "3", "--slow", "tests", "--name", "x", "--timeout", "9"]
    suite = suites.suite_of_arguments(arguments, tmp_path)
    assert suite.paths == ("tests",)
    assert suite.options == ("--size", "3", "--slow", "--name", "x", "--timeout", "9")


def test_the_value_of_an_option_is_no_option(tmp_path: Path) -> None:
    suite = suites.suite_of_arguments(["-k", "--trace", "-m", "--co"], tmp_path)
    assert suite.options == ("-k", "--trace", "-m", "--co")


def test_a_suite_without_tests_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no test file in"):
        files(tmp_path)


def test_the_project_is_what_cells_get(tmp_path: Path) -> None:
    project(tmp_path, "tests/test_a.py", pyproject__toml="")
    suite = suites.suite_of_file(tmp_path / "tests" / "test_a.py")
    assert (suite.folder, suite.paths) == (tmp_path.resolve(), ("tests/test_a.py",))


# --- Files for pytest ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "yes"),
    [
        ("test_a.py", "def test_x(): pass", True),
        ("a_test.py", "class TestX:\n    def test_y(self): pass", True),
        ("test_a.py", "import tensorflow as tf\ntf.random.set_seed(1)\ndef test_x(): pass", True),
        ("test_a.py", "def test_x(): pass\ntest_x()", False),
        ("test_a.py", "print(1)", False),
        ("mine.py", "def test_x(): pass", False),
        (
            "test_a.py",
            "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n"
            "if __name__ == '__main__':\n    unittest.main()",
            False,
        ),
        ("test_a.py", "def test_x(:", False),
    ],
)
def test_which_files_are_for_pytest(tmp_path: Path, name: str, text: str, yes: bool) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    assert pytest_files.is_for_pytest(file) is yes


# --- Fork mode -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conftest", "text", "why"),
    [
        ("", "import pytest\nimport tensorflow as tf\n", None),
        (
            "import pytest\n\n@pytest.fixture(scope='session')\ndef x():\n    return 1\n",
            "import numpy as np\nimport tensorflow as tf\n",
            None,
        ),
        ("import os\nos.environ['A'] = '1'\n", "import tensorflow as tf\n", "line 2 sets"),
        ("", "import mine\nimport tensorflow\n", "imports mine first"),
        ("", "x = 1\n", "never imports TensorFlow"),
        ("", "import resource\nimport tensorflow\nresource.getrusage(0)\n", "getrusage"),
    ],
)
def test_which_files_may_be_forked(
    tmp_path: Path, conftest: str, text: str, why: str | None
) -> None:
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_a.py").write_text(text, "utf-8")
    found = forking.why_fresh(Suite(folder=tmp_path), Case(name="test_a.py"))
    assert found is None if why is None else why in (found or "")


def test_warnings_that_are_errors_need_a_fresh_process(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import tensorflow\n", "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")
    assert "warnings" in (forking.why_fresh(Suite(folder=tmp_path), Case(name="test_a.py")) or "")


# --- matrix.yaml ---------------------------------------------------------------------------------


def test_a_matrix_may_name_tests(tmp_path: Path) -> None:
    project(tmp_path, "tests/test_a.py")
    text = b"repros:\n  - name: mine\n    tests: tests/ -k 'layers and not slow'\n"
    (repro,) = config.parse_matrix(text, tmp_path / "matrix.yaml").repros
    assert repro.suite == Suite(
        folder=tmp_path, paths=("tests",), options=("-k", "layers and not slow")
    )
    assert repro.requirements == {">=0": ("pytest",)}


def test_pytest_is_in_the_version_that_is_asked_for(tmp_path: Path) -> None:
    text = (
        b"repros:\n  - name: mine\n    tests: .\n    requirements: {'>=2.4': ['pytest==7.4.4']}\n"
    )
    (repro,) = config.parse_matrix(text, tmp_path / "matrix.yaml").repros
    assert repro.requirements == {">=2.4": ("pytest==7.4.4",)}


# --- Commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["pytest", "tests", "-k", "x"], ["python3", "-m", "pytest", "tests", "-k", "x"]]
)
def test_pytest_is_known_as_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(project(tmp_path, "tests/test_a.py"))
    found = commands.script_of_command(words)
    assert found.suite == Suite(folder=tmp_path, paths=("tests",), options=("-k", "x"))
    assert found.packages == ("pytest",)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["python", "-c", "import sys; print(sys.argv[1:])", "a b"], 0, "['a b']"),
        (["python", "-m", "mine", "--fast"], 0, "mine --fast"),
        (["sh", "-c", "exit 7"], 7, ""),
        (["no-such-program"], 127, "needs the program no-such-program, which is not in the"),
        (["./mine.py"], 126, "needs the program ./mine.py, which does not start: Permission"),
    ],
)
def test_any_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import sys\nprint('mine', *sys.argv[1:])\n", "utf-8")
    found = commands.script_of_command(words, programs_may_come=True)
    assert found.folder == tmp_path
    done = subprocess.run([sys.executable, str(found.script)], capture_output=True, text=True)
    assert (done.returncode, says in done.stdout + done.stderr) == (code, True)
    ended = Execution(exit_code=code, errors=done.stderr, output=done.stdout + done.stderr)
    needs = Outcome(verdict=Verdict.ERROR, reason=done.stderr.strip().partition("tfmatrix: ")[2])
    assert (classify(ended) == needs) == (code in (126, 127))


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("pytst", "--: there is no program pytst; did you mean pytest?"),
        ("Pythn3", "--: there is no program Pythn3; did you mean python3?"),
        ("unitest", "--: there is no program unitest; did you mean python -m unittest?"),
        ("sh x.sh", "--: 'sh x.sh' is one word; leave out the quotes around the command"),
        ("x.sh", "--: x.sh is a file, not a program\n  to fix it: -- sh x.sh"),
        ("./x.py", "--: ./x.py is a file, not a program\n  to fix it: -- python ./x.py"),
        ("go", "--: go is a file, not a program\n  to fix it: chmod +x go, then -- ./go"),
        ("./y.sh", "--: there is no file ./y.sh; did you mean x.sh?"),
        ("part/text_a.py", "--: there is no file part/text_a.py; did you mean part/test_a.py?"),
        (
            "part/test_a.py",
            "--: part/test_a.py is a file, not a program\n  to fix it: -- pytest part/test_a.py",
        ),
        (
            "part/test_a.py::test_one",
            "--: part/test_a.py::test_one is a file, not a program\n"
            "  to fix it: -- pytest part/test_a.py::test_one",
        ),
        ("part/", "--: part/ is a folder, not a program\n  to fix it: -- pytest part/"),
        ("tests", "--: tests is a folder, not a program\n  to fix it: -- pytest tests"),
        ("./app", "--: ./app is a folder, not a program\n  to fix it: -- python ./app"),
        (
            "my.ipynb",
            "--: my.ipynb is a file, not a program\n"
            "  to fix it: name it without --: tfmatrix run my.ipynb",
        ),
        ("X=1", "--: X=1 is no program; `--env X=1` before -- sets a variable"),
    ],
)
def test_a_program_that_no_environment_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, says: str
) -> None:
    files = ("x.sh", "x.py", "go", "my.ipynb", "part/test_a.py", "tests/a.py", "app/__main__.py")
    monkeypatch.chdir(project(tmp_path, *files))
    with pytest.raises(UsageError) as caught:
        commands.script_of_command([word, "tests"])
    assert str(caught.value) == says


def test_a_file_that_python_cannot_find_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path, "my.py", "app/__main__.py"))
    with pytest.raises(UsageError, match=r"--: there is no file mi\.py; did you mean my\.py\?"):
        commands.script_of_command(["python3", "mi.py", "--fast"])
    with pytest.raises(UsageError, match=r"there is no file mi\.py"):
        commands.script_of_command(["python3", "-u", "-X", "dev", "mi.py"])
    beside = os.path.relpath(__file__, tmp_path)
    with pytest.raises(UsageError, match="lies outside this folder"):
        commands.script_of_command(["python3", beside])
    several = (["-u", "my.py"], ["-Wd", "-m", "mine"], ["-X", "dev", "-c", "pass"])
    for words in (["my.py"], ["app"], ["-m", "mine"], ["-"], ["/opt/a.py"], [], *several):
        commands.script_of_command(["python3", *words])


@pytest.mark.parametrize(
    "word", ["mytool", "python3.9", "no/such/file", "x" * 5000, "x" * 5000 + "/y", "pytest-watcher"]
)
def test_a_program_that_an_environment_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.chdir(project(tmp_path, "mytool/test_a.py"))
    commands.script_of_command([word])
    commands.script_of_command(["pytst"], programs_may_come=True)


# --- The driver, with the pytest that is here ----------------------------------------------------

SUITE = """
import os, pytest

@pytest.fixture
def broken():
    raise KeyError("k")

def test_passes():
    print("::observe loss=[1]")

@pytest.mark.parametrize("value", ["x[y]", "a b/c"])
def test_fails(value):
    assert len(value) == 7

def test_fixture(broken):
    pass

@pytest.mark.skip(reason="needs a GPU")
def test_skipped():
    raise AssertionError

@pytest.mark.xfail(strict=True, reason="known")
def test_strict():
    pass

def test_crashes():
    os.abort()

def test_after():
    pass
"""


def test_old_and_new_releases_of_pytest_name_a_test_alike() -> None:
    assert driver.name_of("test_a.py::TestB::()::test_c[(1)]") == "test_a.py::TestB::test_c[(1)]"
    assert driver.name_of("test_a.py::test_c[x]") == "test_a.py::test_c[x]"


def driven(folder: Path, *options: str, **files: str) -> Execution:
    """What the driver tells of `test_a.py`, one of the files of a project."""
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text, "utf-8")
    copy = folder / "tfmatrix_driver.py"
    copy.write_bytes(paths.suite_driver().read_bytes())

    def once(more: tuple[str, ...]) -> Execution:
        command = [sys.executable, "-I", copy.name, *options, "test_a.py", *more]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True)
        lines = [line[7:].decode() for line in done.stdout.split(b"\n") if line[:7] == b"::test "]
        code = done.returncode
        return process(
            *lines,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            output=done.stdout.decode(),
            errors=done.stderr.decode(),
        )

    return rounds.run_file(once, "test_a.py")


def test_the_driver_tells_all_of_it(tmp_path: Path) -> None:
    found = driven(tmp_path, test_a=SUITE)
    assert verdicts(found) == {
        "test_passes": ("pass", ""),
        "test_fails[x[y]]": ("fail", "AssertionError: assert 4 == 7"),
        "test_fails[a b/c]": ("fail", "AssertionError: assert 5 == 7"),
        "test_fixture": ("fail", "KeyError: 'k'"),
        "test_skipped": ("skip", "needs a GPU"),
        "test_strict": ("fail", "UnexpectedPass: known"),
        "test_crashes": ("crash", "SIGABRT"),
        "test_after": ("pass", ""),
    }
    assert found.rows["test_a.py::test_passes"].observations == {"loss": [1]}


def test_who_ends_the_session_ends_one_test(tmp_path: Path) -> None:
    """The tests after it are no less tests. What starts in the background ignores SIGINT at first,
    as this suite may."""
    text = """
import os, pytest, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
def test_before(): pass
def test_exit(): pytest.exit("enough", returncode=0)
def test_interrupt(): raise KeyboardInterrupt
def test_signal(): os.kill(os.getpid(), signal.SIGINT)
def test_after(): pass
"""
    found = driven(tmp_path, test_a=text)
    assert verdicts(found) == {
        "test_before": ("pass", ""),
        "test_exit": ("fail", "Exit: enough"),
        "test_interrupt": ("fail", "KeyboardInterrupt"),
        "test_signal": ("fail", "KeyboardInterrupt"),
        "test_after": ("pass", ""),
    }


def test_a_file_that_cannot_be_imported_keeps_its_exception(tmp_path: Path) -> None:
    found = driven(tmp_path, test_a="raise ValueError('no')\ndef test_a(): pass\n")
    assert verdicts(found) == {"test_a.py": ("fail", "ValueError: no")}


def test_who_ends_the_session_in_the_file_itself_is_the_file(tmp_path: Path) -> None:
    text = "import pytest\npytest.exit('not here', returncode=0)\ndef test_a(): pass\n"
    found = driven(tmp_path, test_a=text)
    assert verdicts(found) == {"test_a.py": ("fail", "Exit: not here")}
    assert found.trouble is None


HOOK = "def {hook}(config):\n    import os\n    os.gone_since\n"


@pytest.mark.parametrize("hook", ["pytest_configure", "pytest_collection_modifyitems"])
def test_a_hook_of_the_project_that_fails_is_evidence(tmp_path: Path, hook: str) -> None:
    found = driven(tmp_path, test_a="def test_a(): pass\n", conftest=HOOK.format(hook=hook))
    said = "AttributeError: module 'os' has no attribute 'gone_since'"
    assert verdicts(found) == {"test_a.py": ("fail", said)}
    assert found.trouble is None


def test_an_async_test_needs_a_plugin(tmp_path: Path) -> None:
    found = driven(tmp_path, test_a="async def test_a(): assert False\n")
    needs = "needs a plugin of pytest for async tests: --with pytest-asyncio"
    assert verdicts(found) == {"test_a": ("error", needs)}


@pytest.mark.parametrize("word", ["async def", "coroutine"])
def test_an_async_test_is_no_skip_with_an_older_pytest(word: str) -> None:
    text = f"{word} function and no async plugin installed (see warnings)"
    found = run(process(*both("a", "skipped", text=text), DONE))
    assert verdicts(found)["a"][0] == "error"


FAILING = "def test_a(): assert False\ndef test_b(): pass\n"


def test_processes_of_xdist_hide_no_failure(tmp_path: Path) -> None:
    found = driven(tmp_path, "-n2", test_a=FAILING)
    assert verdicts(found) == {
        "test_a": ("fail", "AssertionError: assert False"),
        "test_b": ("pass", ""),
    }


ELSEWHERE = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    {body}
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""


def test_reports_of_another_process_count(tmp_path: Path) -> None:
    """As pytest-forked has them: they are passed on, and not made here."""
    body = """
    import json, os
    out, into = os.pipe()
    if os.fork() == 0:
        reports = runtestprotocol(item, log=False)
        told = [item.config.hook.pytest_report_to_serializable(config=item.config, report=each)
                for each in reports]
        os.write(into, json.dumps(told).encode())
        os._exit(0)
    os.close(into)
    for data in json.loads(os.read(out, 1 << 16)):
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
        item.ihook.pytest_runtest_logreport(report=report)
    """
    found = driven(tmp_path, test_a=FAILING, conftest=ELSEWHERE.format(body=body.strip()))
    assert verdicts(found) == {
        "test_a": ("fail", "AssertionError: assert False"),
        "test_b": ("pass", ""),
    }


def test_a_test_that_a_plugin_runs_again_is_what_it_was_last(tmp_path: Path) -> None:
    """As pytest-rerunfailures does."""
    body = "runtestprotocol(item, log=False); runtestprotocol(item, log=False)"
    text = "tries = []\ndef test_a():\n    tries.append(1)\n    assert len(tries) > 1\n"
    found = driven(tmp_path, test_a=text, conftest=ELSEWHERE.format(body=body))
    assert verdicts(found) == {"test_a": ("pass", "")}


@pytest.mark.parametrize(
    "conftest",
    [
        "collect_ignore = ['test_a.py']\n",
        "collect_ignore_glob = ['*_a.py']\n",
        "def pytest_ignore_collect(config): return True\n",
    ],
)
def test_a_file_that_its_conftest_leaves_out_is_a_skip(tmp_path: Path, conftest: str) -> None:
    found = driven(tmp_path, test_a="raise ValueError\n", conftest=conftest)
    why = "the project's conftest.py leaves this file out"
    assert verdicts(found) == {"test_a.py": ("skip", why)}


def test_examples_in_docstrings_say_what_they_expected(tmp_path: Path) -> None:
    example = "def {}():\n    '''\n    >>> {}\n    3\n    '''\n"
    text = example.format("f", "1 + 1") + example.format("g", "[][1]")
    found = driven(tmp_path, "--doctest-modules", test_a=text)
    assert verdicts(found) == {
        "test_a.f": ("fail", "DocTestFailure: 1 + 1: expected 3, got 2"),
        "test_a.g": ("fail", "IndexError: list index out of range"),
    }
