"""Names that a user gives are looked up in the code before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import cli
from runner.cells import snapshot
from runner.cells.snapshot import texts
from runner.datasets import fetching
from runner.environments import locks
from runner.model import Limits, Repro

CODE = """
import unittest

def test_sums(): ...

class TestLayers(Base):
    def test_there(self): ...
"""


@pytest.mark.parametrize(
    "name",
    [
        "test_a.py::test_sums",
        "test_a.py::test_sums[0.1]",
        "test_a.py::TestLayers::test_there",
        "test_a.py::TestLayers::test_there_named_float32",  # made by absl
        "test_a.py::TestLayers::testInherited",
        "test_a.py::mod.function",  # a doctest
        "test_a.py::test_*",
    ],
)
def test_a_test_that_may_be_there(name: str) -> None:
    assert texts.why_no_test(CODE, [name]) == ""
    assert texts.why_no_test(f"setattr(Test, name, run)\n{CODE}", ["a.py::test_made"]) == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("test_a.py::test_sum", "there is no test test_sum; did you mean test_sums?"),
        ("test_a.py::TestLayers::test_their", "there is no test test_their; did you mean test_th"),
        ("test_a.py::blub", "there is no test blub"),
    ],
)
def test_a_test_that_is_misspelled(name: str, says: str) -> None:
    assert texts.why_no_test(CODE, ["test_a.py::test_sums", name]).startswith(says)


def test_words_of_the_script_and_its_modules(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "my.py").write_text("import other\n", "utf-8")
    (folder / "other.py").write_text("print('::observe loss=1')\n", "utf-8")
    repro = Repro(name="my", script=folder / "my.py", limits=Limits())
    text = texts.python_text(snapshot.take_snapshot(repro, tmp_path / "snapshots"))
    assert texts.has_word(text, "loss")
    assert texts.has_word(text, "other")
    assert not texts.has_word(text, "los")


@pytest.mark.parametrize("command", ["run", "run --data auto", "bisect", "build", "plan"])
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("test_a.py::test_sum", "--case: there is no test test_sum; did you mean test_sums?"),
        ("test_sums", "--case test_sums: give the test's file too: test_a.py::test_sums"),
    ],
)
def test_a_misspelled_test_is_refused_before_anything_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    case: str,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(locks, "environment", _refuse)
    monkeypatch.setattr(fetching, "fetch", _refuse)
    (tmp_path / "test_a.py").write_text(CODE, "utf-8")
    assert cli.execute([*command.split(), "test_a.py", "--case", case]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "cache" / "snapshots").exists()


def _refuse(*_: object) -> None:
    raise AssertionError("nothing may be locked or downloaded yet")
