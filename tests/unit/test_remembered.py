"""An answer is remembered while everything it depends on stays, and whatever is wrong with what was
kept, it is worked out again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner import paths, serial
from runner.environments import locks, render
from runner.errors import MatrixError
from runner.machine import derived_cache
from runner.machine.derived_cache import cache_slot, cached_result
from runner.matrix import config, plan
from runner.model import Device, Release
from runner.releases import catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    return paths.remembered()


class Question:
    """Counts how often it had to be worked out."""

    def __init__(self) -> None:
        self.worked = 0

    def ask(self, *inputs: str, answer: Any = 7) -> Any:
        def make() -> Any:
            self.worked += 1
            return answer

        return cached_result("question", inputs, make, write=lambda it: it, read=_read)


def _read(data: Any) -> Any:
    if data == "not an answer":
        raise ValueError("no answer")
    return data


def entry(cache: Path) -> Path:
    (found,) = cache.iterdir()
    return found


def test_it_is_worked_out_once() -> None:
    question = Question()
    assert [question.ask("a"), question.ask("a")] == [7, 7]
    assert question.worked == 1


@pytest.mark.parametrize(
    "other",
    [("b",), ("a", ""), ("", "a"), ()],
    ids=["another", "one more", "shifted", "none"],
)
def test_other_inputs_are_another_question(other: tuple[str, ...]) -> None:
    question = Question()
    question.ask("a")
    question.ask(*other)
    assert question.worked == 2


@pytest.mark.parametrize("changed", ["matrix/variants.py", "matrix/defaults.yaml", "new.py"])
def test_any_change_of_the_package_is_another_question(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "runner"
    shutil.copytree(paths.package(), package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(paths, "package", lambda: package)
    question = Question()
    question.ask("a")
    question.ask("a")
    assert question.worked == 1
    with open(package / changed, "a") as file:
        file.write("# changed")
    derived_cache.package_digest.cache_clear()
    question.ask("a")
    assert question.worked == 2


def test_a_slot_has_one_entry(cache: Path) -> None:
    for each in "abc":
        Question().ask(each)
    assert len(list(cache.iterdir())) == 1


def becomes_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_text('["digest"]'),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.write_text(path.read_text().replace(": 7", ': "not an answer"')),
        lambda path: (path.unlink(), path.mkdir()),
        becomes_a_pipe,
        lambda path: path.chmod(0o666),
        lambda path: (path.rename(path.with_name("x")), path.symlink_to(path.with_name("x"))),
    ],
    ids=[
        *("empty", "cut off", "nested", "foreign", "no text", "refused", "a folder", "a pipe"),
        *("anybody's", "a link"),
    ],
)
def test_what_is_wrong_is_worked_out_again(damage: Callable[[Path], None], cache: Path) -> None:
    question = Question()
    question.ask("a")
    damage(entry(cache))
    assert question.ask("a") == 7
    assert question.worked == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_not_believed(cache: Path) -> None:
    question = Question()
    question.ask("a")
    os.chown(entry(cache), 12345, -1)
    question.ask("a")
    assert question.worked == 2


def test_a_cache_that_cannot_be_written_costs_time_only(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    question = Question()
    assert [question.ask("a"), question.ask("a")] == [7, 7]
    assert question.worked == 2


@pytest.mark.parametrize("answer", [(1, 2), {1: 2}, float("nan")], ids=str)
def test_what_json_cannot_hold_is_not_kept(answer: Any, cache: Path) -> None:
    assert Question().ask("a", answer=answer) is answer
    assert not cache.exists() or not list(cache.iterdir())


def test_what_fails_is_not_remembered(cache: Path) -> None:
    def fail() -> int:
        raise LookupError("no")

    with pytest.raises(LookupError):
        cached_result("q", (), fail, write=int, read=int)
    assert not cache.exists()


def test_any_name_makes_a_slot() -> None:
    names = ["a", "../a", "é" * 300, "\udcff"]
    assert len({cache_slot("k", name) for name in names}) == len(names)
    assert all("/" not in cache_slot("k", name) for name in names)


# What is remembered ----------------------------------------------------------------------------


def test_a_catalogue_read_again_is_the_same() -> None:
    catalogue.load_releases.cache_clear()
    first = catalogue.load_releases()
    catalogue.load_releases.cache_clear()
    assert catalogue.load_releases() == first
    assert [serial.from_json(Release, serial.plain(each)) for each in first] == [*first]


def test_a_matrix_read_again_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = config.load_matrix(ROOT / "matrix.yaml")
    monkeypatch.setattr(config, "parse_matrix", _not_again)
    assert config.load_matrix(ROOT / "matrix.yaml") == first


def test_a_matrix_whose_script_is_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text("pass")
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text("repros: [{name: mine, script: my.py}]")
    config.load_matrix(matrix)
    (tmp_path / "my.py").unlink()
    with pytest.raises(MatrixError, match=r"matrix\.yaml:1:.*there is no file"):
        config.load_matrix(matrix)


def test_an_environment_made_again_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    release = next(each for each in catalogue.load_releases() if each.version == "2.9.3")
    target = plan.target(release, Device.CPU)
    first = locks.environment(target)
    other = locks.environment(target, {"3.10": "mine:3.10"})
    assert locks.environment(target) == first != other
    assert locks.environment(target) == first
    monkeypatch.setattr(render, "dockerfile", _not_again)
    assert locks.environment(target) == first


def _not_again(*_: object) -> Any:
    raise AssertionError("it was worked out again")
