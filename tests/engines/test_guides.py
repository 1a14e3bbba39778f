"""The guides' commands, run one after the other as a reader would.

With the real agent, stores, runs and reports, a GitHub and a package index on this machine, and no
TensorFlow.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import cli
from runner.environments import sources
from runner.releases import catalogue
from runner.scripts import named
from tests.unit import github_server, index_server, test_docs_commands
from tests.unit.github_server import Fake

ELSEWHERE = {
    ("clean",): "removes what is on this machine: tests/unit/test_clean.py",
    ("doctor",): "examines this machine: tests/unit/test_doctor.py",
    ("run", "--cluster"): "its workers are other processes: tests/engines/test_cluster.py",
    ("run", "--from-comment"): "reads a report first: tests/engines/test_from_comment.py",
    ("lock",): "installs TensorFlow: tests/engines/test_releases.py",
    ("run", "test_two.py"): "installs pytest: tests/engines/test_suites.py",
    ("run", "pytest"): "installs pytest: tests/engines/test_suites.py",
    ("run", "unittest"): "installs pytest: tests/engines/test_suites.py",
    ("bisect", "test_two.py"): "installs pytest: tests/engines/test_suites.py",
    ("pin", "test_two.py::*"): "wants the run of a suite: tests/engines/test_suites.py",
    ("run", "none"): "installs jax: tests/engines/test_without_tensorflow.py",
    ("bisect", "2.23.0.dev20261115"): "wants kept verdicts: tests/engines/test_bisect_kept.py",
    ("run", "checks.sh"): "starts a shell: tests/engines/test_suites.py",
    ("run", "./mypkg"): "builds in Docker: tests/engines/test_wheel_build.py",
    ("run", "mypkg.check"): "wants a package: tests/engines/test_suites.py",
    ("releases", "--update"): "writes into the checkout: tests/engines/test_releases.py",
}
ONLY_PRINTED = ["releases", "--update", "--dry-run"]
NAMES = {
    "tensorflow/tensorflow#12345": "o/n#5",
    "tensorflow/tensorflow": "o/n",
    "owner/name": "o/n",
    "OWNER/NAME": "o/n",
    "12345": "5",
    "~/measurements": "measurements",
    "~/.keras": "home/.keras",
    "7": "5",
}
"""What the guides call an issue or a folder → the one of this machine's."""
ISSUE = "It fails:\n\n```python\nimport sys\n\nprint(sys.version)\n```\n"
MATRIX = """\
tf: ">=2.9"
axes:
  keras: {default: {}, legacy: {tf: ">=2.16.0", env: {TF_USE_LEGACY_KERAS: "1"}}}
repros:
  - name: serving
    script: works.py
    axes: [keras]
    cases: [{name: layers-both}, {name: serving-a}, {name: training}, {name: eager-fit}]
"""
PROJECT = """\
[project]
name = "mine"
version = "1"
dependencies = ["six"]
optional-dependencies = {test = ["six"]}
"""
SCRIPT = "print('::observe loss=0.25')\nprint('::observe memory=[1, 2, 3]')\n"
SAVE = "open('saved.txt', 'w').write('it')\n"
LEAVE = """
import os, uuid
os.makedirs("out")
open("out/kernel.txt", "w").write(str(uuid.uuid4()))
"""
LOAD = "open('saved.txt').read()\n"
NOTEBOOK = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "code", "source": "!pip install -q tensorflow==2.9 six\n%matplotlib inline"},
        {"cell_type": "code", "source": f"%%time\n{SCRIPT}"},
    ],
}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `runs_of_before` made for the first guide, for the others."""
    return tmp_path_factory.mktemp("earlier")


@pytest.fixture
def desk(plain_folder: Path, earlier: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with everything that the guides speak of."""
    for name in ("my.py", "works.py"):
        (plain_folder / name).write_text(SCRIPT, "utf-8")
    (plain_folder / "save.py").write_text(SAVE, "utf-8")
    (plain_folder / "weights.py").write_text(LEAVE, "utf-8")
    (plain_folder / "load.py").write_text(LOAD, "utf-8")
    (plain_folder / "app").mkdir()
    for name in ("__main__", "check"):
        (plain_folder / "app" / f"{name}.py").write_text(SCRIPT, "utf-8")
    (plain_folder / "notebook.ipynb").write_text(json.dumps(NOTEBOOK), "utf-8")
    named._standard_input.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SCRIPT.encode())))
    (plain_folder / "matrix.yaml").write_text(MATRIX, "utf-8")
    for folder in ("measurements", "home/.keras/datasets"):
        (plain_folder / folder).mkdir(parents=True)
    (plain_folder / "requirements.txt").write_text("six\n", "utf-8")
    (plain_folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    (plain_folder / "saved.md").write_text(ISSUE, "utf-8")
    (plain_folder / "dist").mkdir()
    sources.write_wheel(plain_folder / "dist", "mypkg", "0.3", ["six"])
    with github_server.serving() as github, index_server.serving() as index:
        offer(index)
        github.issue_body = ISSUE
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        runs_of_before(plain_folder, earlier)
        yield plain_folder
        assert_answered(github)


def offer(index: index_server.IndexServer) -> None:
    for release in catalogue.load_releases():
        index.add("tensorflow", release.version)
    for package in ("tensorflow", "tensorflow-cpu"):
        index.add(package, "2.22.0rc0")
    for version in ("1.22.4", "1.24.0", "1.26.4", "2.0.0", "2.2.6"):
        index.add("numpy", version)
    for version in ("3.4.1", "3.8.0", "3.9.2"):
        index.add("keras", version)
    for day in (20, 23, 26):
        index.add("tf-nightly", f"2.23.0.dev202610{day}")


def runs_of_before(folder: Path, earlier: Path) -> None:
    """`results/` as it is after some time, and the folders that machines of a CI left."""
    source, target = earlier, folder
    if not any(earlier.iterdir()):
        source, target = folder, earlier
        for name in ("before", "20261122-154500-3fa9", "reference"):
            assert cli.execute(["run", "--tf", ">=2.12", "--output", f"results/{name}"]) == 0
        for version in ("2.14", "2.15"):
            assert cli.execute(["run", "--tf", version, "--output", f"shards/{version}"]) == 0
    for name in ("results", "shards", "cache"):
        shutil.copytree(source / name, target / name, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(folder / "report", ignore_errors=True)


def assert_answered(github: Fake) -> None:
    assert all(body for body in github.sent)


def given(arguments: list[str]) -> list[str]:
    """The words as a shell would hand them over."""
    words = [NAMES.get(word, word) for word in arguments]
    return [
        found
        for word in words
        for found in (sorted(map(str, Path().glob(word))) if word == "shards/*" else [word])
    ]


@pytest.mark.parametrize("guide", test_docs_commands.GUIDES, ids=lambda guide: guide.name)
def test_the_commands_of_a_guide_do_what_it_says(
    guide: Path, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(test_docs_commands.VALUES, "TENSORFLOW", "2.14.1")
    monkeypatch.setitem(test_docs_commands.VALUES, "ISSUE", "5")
    for script in test_docs_commands.scripts(guide):
        for arguments in map(given, test_docs_commands.commands(script)):
            if elsewhere(arguments):
                continue
            capsys.readouterr()
            code = cli.execute(arguments)
            assert code in allowed(arguments), f"{arguments}: {code}\n{capsys.readouterr().err}"


def test_the_guide_to_files_shows_what_differs(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = test_docs_commands.scripts(test_docs_commands.ROOT / "docs" / "files.md")
    run, *diffs = test_docs_commands.commands(script)
    assert cli.execute(run) == 0
    for arguments in diffs:
        capsys.readouterr()
        assert cli.execute([*arguments, "--files"]) == 1
        assert ": kernel.txt: line 1: " in capsys.readouterr().out


def elsewhere(arguments: list[str]) -> bool:
    if arguments == ONLY_PRINTED:
        return False
    return any(arguments[0] == words[0] and set(words) <= set(arguments) for words in ELSEWHERE)


def allowed(arguments: list[str]) -> tuple[int, ...]:
    """1 is an answer too: nothing fails here, so there is nothing to bisect; pins may not hold."""
    differs = arguments[0] in ("bisect", "diff") or "--check" in arguments
    return (0, 1) if differs else (0,)
