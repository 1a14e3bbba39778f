"""The steps of .github/workflows/nightlies.yml as they stand, run by bash, with real git.

The package index is one of this machine, and nightlies vanish from it from week to week.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from attrs import define

from tests.unit import index_server
from tests.unit.index_server import IndexServer

ROOT = Path(__file__).parents[2]
STEPS = yaml.safe_load((ROOT / ".github/workflows/nightlies.yml").read_text("utf-8"))["jobs"][
    "measure"
]["steps"]
SCRIPT = """
import os
if "dev" in os.environ["PRETENDED"] and not os.environ["PRETENDED"].endswith("1101"):
    raise AttributeError("no such thing")
"""
MATRIX = """
tf: "2.21"
repros:
  - name: mine
    script: mine.py
"""
OLD, NEW = "2.99.0.dev20261101", "2.99.0.dev20261108"


@define
class Repository:
    """A bare repository, from which each week's machine makes a fresh clone."""

    folder: Path
    index: IndexServer

    def git(self, *words: str, cwd: Path) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        done = subprocess.run(
            command, cwd=cwd, env=self._environment(cwd), check=True, capture_output=True, text=True
        )
        return done.stdout

    def week(self, name: str) -> dict[str, int]:
        """The exit code of each step, in a clone of that name."""
        self.git("clone", "--quiet", "origin", name, cwd=self.folder)
        clone = self.folder / name
        return {step["name"]: self._step(step, clone) for step in STEPS if "run" in step}

    def _step(self, step: dict[str, str], clone: Path) -> int:
        assert "${{" not in step["run"], "an expression in a shell's text"
        own = {"GIT_INDEX_FILE": f"{clone}-index"} if "env" in step else {}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=clone,
            env={**self._environment(clone), **own},
            capture_output=True,
            text=True,
            timeout=300,
        )
        print(done.stdout, done.stderr)
        return done.returncode

    def tfmatrix(self, name: str, *words: str) -> str:
        """What a command says in the clone of that name."""
        clone = self.folder / name
        done = subprocess.run(
            ["tfmatrix", *words],
            cwd=clone,
            env=self._environment(clone),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
        )
        return done.stdout

    def _environment(self, clone: Path) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GITHUB_STEP_SUMMARY": f"{clone}-summary.md",
            "TFMATRIX_CACHE": f"{clone}-cache",
            "UV_DEFAULT_INDEX": self.index.url,
        }


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    command = tmp_path / "bin" / "tfmatrix"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m tests.engines.pretending_tfmatrix "$@"\n', "utf-8"
    )
    command.chmod(0o755)
    with index_server.serving() as index:
        made = Repository(tmp_path, index)
        made.git("init", "--quiet", "--bare", "--initial-branch=main", "origin", cwd=tmp_path)
        made.git("clone", "--quiet", "origin", "first", cwd=tmp_path)
        for name, text in (("mine.py", SCRIPT), ("matrix.yaml", MATRIX), (".gitignore", "results")):
            (tmp_path / "first" / name).write_text(text, "utf-8")
        made.git("add", ".", cwd=tmp_path / "first")
        made.git("commit", "--quiet", "--message", "first", cwd=tmp_path / "first")
        made.git("push", "--quiet", "origin", "HEAD:main", cwd=tmp_path / "first")
        yield made


def test_what_a_nightly_said_outlives_its_wheel(repository: Repository) -> None:
    index = repository.index
    for package in ("tf-nightly", "tf-nightly-cpu"):
        index.add(package, OLD)
    assert set(repository.week("one").values()) == {0}
    index.files.clear()
    for package in ("tf-nightly", "tf-nightly-cpu"):
        index.add(package, NEW)
    assert set(repository.week("two").values()) == {0}
    told = (repository.folder / "two-summary.md").read_text("utf-8")
    assert "AttributeError: no such thing" in told
    assert f"{OLD} → {NEW}" in told
    origin = repository.folder / "origin"
    kept = repository.git("ls-tree", "-r", "--name-only", "nightlies", cwd=origin)
    names = {Path(line).name for line in kept.splitlines()}
    assert names == {"run.json", "cells.jsonl", "mine.py", "requirements.txt"}
    log = repository.git("log", "--format=%s", "nightlies", cwd=origin)
    assert len(log.splitlines()) == 2
    said = repository.tfmatrix("two", "bisect", "mine.py", "--good", OLD, "--bad", NEW)
    assert said.startswith(f"The first bad release is {NEW}: {OLD} passes (kept from 20")


def test_a_week_with_an_unexpected_outcome_is_kept_too(repository: Repository) -> None:
    for package in ("tf-nightly", "tf-nightly-cpu"):
        repository.index.add(package, NEW)
    matrix = repository.folder / "first" / "matrix.yaml"
    matrix.write_text(MATRIX + "    expect:\n      - {outcome: pass, source: here}\n", "utf-8")
    repository.git("commit", "--quiet", "-am", "expects", cwd=repository.folder / "first")
    repository.git("push", "--quiet", "origin", "HEAD:main", cwd=repository.folder / "first")
    assert repository.week("one") == {
        "Get what was measured before": 0,
        "Measure": 1,
        "Keep it": 0,
        "Say what changed": 0,
    }
    assert repository.git("log", "--format=%s", "nightlies", cwd=repository.folder / "origin")
