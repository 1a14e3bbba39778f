"""What shells offer: through the real bash, zsh and fish where they are, and as click hears it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

Complete = Callable[..., list[str]]
MATRIX = """\
tf: ">=2.8"
repros:
  - {name: mine, script: my.py, cases: [{name: one-a, args: []}, {name: one-b}, two]}
  - {name: bare, script: other.py}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the command `tfmatrix` on PATH, a matrix.yaml and two runs."""
    monkeypatch.chdir(tmp_path)
    command = tmp_path / "bin" / "tfmatrix"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nfrom runner.cli import main\nmain()\n")
    command.chmod(0o755)
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "matrix.yaml").write_text(MATRIX, "utf-8")
    for name in ("20261101-000000-aaaa", "20261102-000000-bbbb"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "cells.jsonl").touch()
    return tmp_path


@pytest.fixture
def offered(folder: Path) -> Complete:
    def ask(*words: str) -> list[str]:
        env = {
            **os.environ,
            "_TFMATRIX_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["tfmatrix", *words]),
            "COMP_CWORD": str(len(words)),
        }
        done = subprocess.run(["tfmatrix"], env=env, capture_output=True, text=True, check=True)
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return ask


def test_verbs(offered: Complete) -> None:
    assert offered("re") == ["render", "report", "releases"]


def test_releases(offered: Complete) -> None:
    assert offered("run", "--tf", "2.2")[-1] == "2.2"
    assert "2.21" in offered("run", "--tf", "2.2")
    assert offered("run", "--tf", "2.15.") == ["2.15.1", "2.15.0.post1", "2.15.0"]
    assert offered("run", "--tf", "n") == ["nightly"]
    assert offered("run", "--tf", "2.9.3,2.10.") == ["2.9.3,2.10.1", "2.9.3,2.10.0"]
    assert offered("run", "--tf", ">=2.9,<2.10.") == [">=2.9,<2.10.1", ">=2.9,<2.10.0"]
    assert offered("bisect", "my.py", "--good", "2.10.") == ["2.10.1", "2.10.0"]


def test_cases_scripts_engines_and_runs(offered: Complete, folder: Path) -> None:
    assert offered("run", "--case", "one") == ["one-a", "one-b"]
    assert offered("pin", "--require", "t") == ["two"]
    assert offered("run", "my") == ["my.py", "my"]  # the last asks the shell for its files
    assert offered("run", "--engine", "") == ["auto", "docker", "local"]
    newest_first = ["20261102-000000-bbbb", "20261101-000000-aaaa"]
    assert offered("report", "2026") == [*newest_first, "2026"]
    (folder / "other.yaml").write_text("repros: [{cases: [{name: elsewhere}]}]")
    assert offered("run", "--matrix", "other.yaml", "--case", "e") == ["elsewhere"]


@pytest.mark.parametrize("matrix", ["", "- a list", "repros: 7", "repros: [7, {cases: 7}]", "{"])
def test_a_matrix_that_is_wrong_offers_nothing(
    offered: Complete, folder: Path, matrix: str
) -> None:
    (folder / "matrix.yaml").write_text(matrix, "utf-8")
    assert offered("run", "--case", "") == []


def test_completing_imports_nothing_heavy(folder: Path) -> None:
    """A key press waits for it."""
    env = {
        **os.environ,
        "_TFMATRIX_COMPLETE": "bash_complete",
        "COMP_WORDS": "tfmatrix r",
        "COMP_CWORD": "1",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    done = subprocess.run(["tfmatrix"], env=env, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert imported.isdisjoint(
        {"pydantic", "yaml", "docker", "rich", "requests", "runner.matrix.config"}
    )


# Real shells --------------------------------------------------------------------------------


def shell(name: str, script: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    start = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    done = subprocess.run(
        [program, *start, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bash(folder: Path) -> None:
    said = shell(
        "bash",
        'eval "$(_TFMATRIX_COMPLETE=bash_source tfmatrix)"\n'
        "COMP_WORDS=(tfmatrix run --tf 2.10.) COMP_CWORD=3\n"
        "$(complete -p tfmatrix | sed 's/.*-F \\([^ ]*\\).*/\\1/') tfmatrix 2.10. --tf\n"
        'echo "${COMPREPLY[@]}"',
    )
    assert said.split() == ["2.10.1", "2.10.0"]


def test_zsh(folder: Path) -> None:
    """Its completion system needs a terminal; what it would be handed is looked at instead."""
    said = shell(
        "zsh",
        "autoload -Uz compinit && compinit -u -d $HOME/.zcompdump\n"
        'eval "$(_TFMATRIX_COMPLETE=zsh_source tfmatrix)"\n'
        'echo "$_comps[tfmatrix]"\n'
        "_describe() { print -l -- ${(P)2} ${(P)3} }\n"
        "compadd() { print -l -- ${(P)${@[-1]}} }\n"
        "words=(tfmatrix bis) CURRENT=2\n"
        "_tfmatrix_completion",
    )
    assert said.splitlines()[0] == "_tfmatrix_completion"
    assert "bisect" in said


def test_fish(folder: Path) -> None:
    said = shell(
        "fish",
        "_TFMATRIX_COMPLETE=fish_source tfmatrix | source\n"
        "complete -C 'tfmatrix run --tf 2.10.'\ncomplete -C 'tfmatrix bis'",
    )
    offered = [line.split("\t")[0] for line in said.splitlines()]
    assert sorted(offered) == ["2.10.0", "2.10.1", "bisect"]
