"""A suite of tests carried out with the real agent and pytest: rows, what is kept, what is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from runner import paths
from runner.model import Limits, Repro, Result, Suite
from runner.scripts import commands, suites
from tests.engines.plain import PlainEngine
from tests.engines.test_pipeline import Bench

A = """
import os, time, pytest
from helper import VALUE

def test_helper():
    assert VALUE == 3

@pytest.mark.parametrize("name", ["x[y]", "ü b/c"])
def test_names(name):
    print("::observe name=%d" % len(name))

def test_crashes():
    os.abort()

def test_hangs():
    time.sleep(600)

def test_after():
    raise ValueError("after")
"""
B = """
import unittest

class Tests(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(1, 2)

    @unittest.skip("not here")
    def test_skipped(self):
        pass
"""
BROKEN = "import tensorflow_of_tomorrow_that_nobody_has\n\ndef test_x():\n    pass\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    (folder / "helper.py").write_text("VALUE = 3\n", "utf-8")
    (folder / "tests" / "test_a.py").write_text(A, "utf-8")
    (folder / "tests" / "test_b.py").write_text(B, "utf-8")
    return folder


def repro_of(folder: Path, **limits: float) -> Repro:
    suite = Suite(folder=folder, paths=("tests",))
    return Repro(
        name="r",
        script=paths.suite_driver(),
        folder=folder,
        suite=suite,
        cases=suites.cases(suite),
        limits=Limits(timeout=limits.get("timeout", 20)),
        needs_tensorflow=False,
    )


def verdicts(results: dict[tuple[str, str], Result]) -> dict[str, str]:
    return {name.partition("/")[2]: one.outcome.verdict.value for (name, _), one in results.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, PlainEngine())


def test_each_test_is_a_row_whatever_the_others_do(bench: Bench, project: Path) -> None:
    found = bench.run(repro_of(project, timeout=3), "2.1.0")
    assert verdicts(found) == {
        "test_a.py::test_helper": "pass",
        "test_a.py::test_names[x[y]]": "pass",
        "test_a.py::test_names[\\xfc b/c]": "pass",
        "test_a.py::test_crashes": "crash",
        "test_a.py::test_hangs": "timeout",
        "test_a.py::test_after": "fail",
        "test_b.py::Tests::test_equal": "fail",
        "test_b.py::Tests::test_skipped": "skip",
    }
    signatures = {name: one.outcome.signature for (name, _), one in found.items()}
    assert signatures["tests/test_a.py::test_after"] == "ValueError: after"
    assert signatures["tests/test_b.py::Tests::test_equal"] == "AssertionError: 1 != 2"
    assert found["tests/test_a.py::test_names[x[y]]", "2.1.0"].observations == {"name": 4}


def test_a_command_of_unittest_gives_rows(
    bench: Bench, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "conftest.py").write_text("raise RuntimeError('not for unittest')\n", "utf-8")
    monkeypatch.chdir(project)
    words = ["python", "-m", "unittest", "discover", "-s", "tests", "-p", "test_b*"]
    suite = commands.script_of_command(words).suite
    assert suite is not None
    repro = evolve(repro_of(project), suite=suite, cases=suites.cases(suite))
    found = bench.run(repro, "2.1.0")
    outcomes = {name: one.outcome for (name, _), one in found.items()}
    told = {name: (one.verdict.value, one.signature) for name, one in outcomes.items()}
    assert told == {
        "tests/test_b.py::Tests::test_equal": ("fail", "AssertionError: 1 != 2"),
        "tests/test_b.py::Tests::test_skipped": ("skip", None),
    }


def test_an_edited_file_is_measured_again_and_the_others_are_not(
    bench: Bench, project: Path
) -> None:
    (project / "tests" / "test_a.py").write_text("def test_a(): pass\n", "utf-8")
    bench.run(repro_of(project), "2.1.0")
    (project / "tests" / "test_a.py").write_text("def test_a(): assert 0\n", "utf-8")
    found = bench.run(repro_of(project), "2.1.0")
    assert {name: (one.outcome.verdict.value, one.cached) for (name, _), one in found.items()} == {
        "tests/test_a.py::test_a": ("fail", False),
        "tests/test_b.py::Tests::test_equal": ("fail", True),
        "tests/test_b.py::Tests::test_skipped": ("skip", True),
    }


def test_a_new_conftest_is_seen(bench: Bench, project: Path) -> None:
    (project / "tests" / "test_a.py").write_text("def test_a(): pass\n", "utf-8")
    bench.run(repro_of(project), "2.1.0")
    (project / "conftest.py").write_text("collect_ignore = ['tests/test_b.py']\n", "utf-8")
    assert not any(one.cached for one in bench.run(repro_of(project), "2.1.0").values())


def test_a_file_that_cannot_be_collected_is_one_row(bench: Bench, project: Path) -> None:
    (project / "tests" / "test_a.py").write_text(BROKEN, "utf-8")
    found = bench.run(repro_of(project), "2.1.0")
    row = found["tests/test_a.py", "2.1.0"]
    assert row.outcome.verdict.value == "error"
    assert "tensorflow_of_tomorrow_that_nobody_has" in row.outcome.reason
    assert len(found) == 3


def test_a_case_is_chosen_by_its_node(bench: Bench, project: Path) -> None:
    name = "tests/test_b.py::Tests::test_equal"
    repro = repro_of(project)
    load = bench.load(repro, "2.1.0")
    (batch,) = load.batches
    cells = tuple(
        evolve(cell, wanted=(name,)) for cell in batch.cells if cell.case.name == "tests/test_b.py"
    )
    with bench.pipeline(repro) as (pipeline, log):
        pipeline.run([evolve(batch, cells=cells)])
    lines = (log.folder / "cells.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 1
    assert name in lines[0]
