"""A report is posted, read from the comment, and run again: with a real agent, no TensorFlow."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import cli
from tests.unit import github_server
from tests.unit.github_server import Fake

SCRIPT = "import sys\n\nif 'bad' in sys.argv:\n\traise KeyError('x')\n"
MATRIX = """\
tf: "2.14,2.15"
repros:
  - name: mine
    script: my.py
    cases: [{name: good, args: [good]}, {name: bad, args: [bad]}]
    limits: {timeout: 30}
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def github(plain_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """With the report of a run as a comment on the issue."""
    (plain_folder / "my.py").write_text(SCRIPT, "utf-8")
    (plain_folder / "matrix.yaml").write_text(MATRIX, "utf-8")
    with github_server.serving() as github:
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        assert cli.execute(["run", "--output", "first"]) == 0
        assert cli.execute(["attach", "first", "--repo", "o/n", "--issue", "5"]) == 0
        (plain_folder / "matrix.yaml").unlink()
        (plain_folder / "my.py").unlink()
        yield github


ADDRESS = "https://github.com/o/n/issues/5#issuecomment-1"


def again(source: str, output: str, *more: str) -> int:
    return cli.execute(["run", "--from-comment", source, "--output", output, *more])


def test_the_same_comes_out(github: Fake, capsys: Captured) -> None:
    assert again(ADDRESS, "second", "--remeasure") == 0
    said = capsys.readouterr().err
    assert "The results are the same. 4 of 4 cells ended as in the comment." in said
    assert "2 of 2 environments are the same." in said
    ran = json.loads(Path("second/matrix.json").read_text("utf-8"))
    assert sorted((c["case"], c["outcome"]) for c in ran["cells"]) == [
        ("bad", "fail"),
        ("bad", "fail"),
        ("good", "pass"),
        ("good", "pass"),
    ]


def test_from_standard_input(
    github: Fake, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = github.bodies()[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert again("-", "second") == 0
    assert "The results are the same." in capsys.readouterr().err


def test_a_part_of_it_can_be_asked_for(github: Fake, capsys: Captured) -> None:
    assert again(ADDRESS, "second", "--tf", "2.15", "--case", "bad") == 0
    assert "The results are the same. 1 of 1 cell ended" in capsys.readouterr().err


def test_a_claim_that_does_not_hold_is_said(github: Fake, capsys: Captured) -> None:
    body = github.bodies()[0]
    assert re.search("KeyError: 'x'", body)
    Path("forged.md").write_text(body.replace("\"KeyError: 'x'\"", "\"KeyError: 'y'\""), "utf-8")
    assert again("forged.md", "second") == 1
    said = capsys.readouterr().err
    assert "The results differ. 2 of 4 cells" in said
    assert "mine/bad on 2.14.1 cpu was KeyError: 'y', is KeyError: 'x'" in said
