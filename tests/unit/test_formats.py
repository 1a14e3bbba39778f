"""`--format json`: one document on standard output and nothing else; `--json` says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from runner import cli, engines, paths
from runner.model import Result, Verdict
from runner.runs import journal
from runner.upkeep import doctor
from tests.unit.test_clean import NEW, make_environment
from tests.unit.test_compare import result, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_the_local_engine: None) -> Path:
    """With a script, two runs, and a cache that only the local engine knows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    paths.mark_cache()
    (tmp_path / "my.py").write_text("import tensorflow\n", "utf-8")
    same = result("same", Verdict.PASS)
    _write(tmp_path / "old", same, result("a", Verdict.PASS, observations={"n": 1}))
    _write(tmp_path / "new", same, result("a", Verdict.FAIL, "X"), result("b", Verdict.PASS))
    return tmp_path


def _write(folder: Path, *results: Result) -> None:
    log = journal.Journal(folder, run())
    for one in results:
        log.append(one, "")
    log.close()


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What stands on standard output, whole."""
    cli.execute(list(words))
    said = capsys.readouterr()
    assert said.out, said.err
    return json.loads(said.out)


SKIPPED = ("run", "my.py", "--tf", "2.9", "--device", "cuda", "--engine", "local")
"""A run of one cell, which no machine without a GPU can measure."""


def test_run_prints_its_matrix_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = document(capsys, *SKIPPED, "--format", "json")
    written = json.loads((folder / "results" / "latest" / "matrix.json").read_text("utf-8"))
    assert printed == written
    assert [cell["tensorflow"] for cell in printed["cells"]] == ["2.9.3"]


def test_diff(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "diff", "old", "new", "--format", "json")
    place = {"repro": "r", "tensorflow": "2.9.3", "device": "cpu", "python": None}
    passed, failed = ({"outcome": o, "signature": s} for o, s in (("pass", None), ("fail", "X")))
    assert found == {
        "schema": 1,
        "before": run().info.id,
        "after": run().info.id,
        "cells": {"common": 2, "agreeing": 1, "only_before": 0, "only_after": 1, "inferred": 0},
        "changes": [
            {**place, "case": "a", "kind": "changed", "before": passed, "after": failed},
            {**place, "case": "b", "kind": "came", "before": None, "after": passed},
        ],
        "observations": [],
        "files": [],
        "equal_files": 0,
        "close_files": 0,
    }


def test_clean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = make_environment(NEW)
    planned = document(capsys, "clean", "--dry-run", "--format", "json")
    (item,) = planned["items"]
    assert (item["kind"], item["name"], item["removed"]) == ("environment", str(place), False)
    assert planned["bytes"] == item["bytes"] > 10_000
    assert place.exists()
    done = document(capsys, "clean", "--yes", "--format", "json")
    assert done == {**planned, "dry_run": False, "items": [{**item, "removed": True}]}
    assert not place.exists()


def test_doctor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "doctor", "--format", "json")
    checks = [doctor.Check(**{**c, "health": doctor.Health(c["health"])}) for c in found["checks"]]
    assert {"system", "disk", "local engine", "GPU"} <= {check.what for check in checks}


@pytest.mark.parametrize(
    "verb", ["diff old new", "clean --dry-run", " ".join(SKIPPED), "plan my.py"]
)
def test_the_older_spelling_says_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    plain, older = (document(capsys, *verb.split(), *o) for o in (["--format", "json"], ["--json"]))
    assert type(plain) is type(older)
    assert len(plain) == len(older) > 0


def test_every_verb_that_prints_json_has_both_spellings() -> None:
    for verb in cli.VERBS:
        command = cli.tfmatrix.get_command(click.Context(cli.tfmatrix), verb)
        assert command is not None
        options = {o: p for p in command.params for o in p.opts if isinstance(p, click.Option)}
        choices = getattr(options.get("--format"), "type", None)
        has_json = isinstance(choices, click.Choice) and "json" in choices.choices
        assert has_json is ("--json" in options), verb
        assert not has_json or options["--json"].hidden, verb


def test_one_engine_is_cleaned_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_environment(NEW)
    (folder / "cache" / "confirmed").mkdir()
    (folder / "cache" / "confirmed" / f"{'0' * 40}.jsonl").write_text("x")

    def named(*words: str) -> list[str]:
        items = document(capsys, "clean", "--dry-run", "--json", *words)["items"]
        return sorted(item["kind"] for item in items)

    assert named() == ["cache", "environment"]
    assert named("--engine", "local") == ["environment"]
    monkeypatch.setattr(engines, "create", _unavailable)
    assert cli.execute(["clean", "--engine", "local"]) == 3
    assert "nothing answers" in capsys.readouterr().err
    assert place.exists()


class _Unavailable:
    def unavailable(self) -> str:
        return "nothing answers"


def _unavailable(_: str) -> _Unavailable:
    return _Unavailable()
