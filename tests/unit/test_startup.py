"""A verb imports what it needs and no more: most of a short command's time is importing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.runs import journal
from tests.unit.test_journal import head, result

ROOT = Path(__file__).parents[2]
DEAR = ("docker", "github", "jinja2", "msgspec", "pydantic", "requests", "rich", "yaml")
"""Each takes from 20 to 400 ms; msgspec, which the records' types name, 15."""
SHOW = f"""
import json, sys
from runner.cli import execute
for command in json.loads(sys.argv[1]):
    assert execute(command) == 0, command
print(*(name for name in {DEAR!r} if name in sys.modules), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a matrix.yaml and a run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "script.py").write_text("import tensorflow\n")
    (folder / "matrix.yaml").write_text("repros: [{name: mine, script: script.py}]\n")
    log = journal.Journal(folder / "results" / "one", head())
    log.append(result("a"), "hello\n")
    log.close()
    return folder


def imported(project: Path, *commands: list[str]) -> set[str]:
    """The dear modules that a process has which carried out these commands."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW, json.dumps(commands)],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TFMATRIX_CACHE": str(project / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_help_needs_nothing(project: Path) -> None:
    verbs = ("plan", "render", "report", "diff", "clean", "schema")
    assert imported(project, ["--help"], ["--version"]) == set()
    assert imported(project, *([verb, "--help"] for verb in verbs)) == {"msgspec"}


def test_a_matrix_seen_before_is_planned_without_reading_it_again(project: Path) -> None:
    first = imported(project, ["plan"])
    assert {"pydantic", "yaml"} <= first
    assert imported(project, ["plan"], ["plan", "--format", "json"]) == {"msgspec"}


def test_a_report_needs_no_engine_and_no_matrix(project: Path) -> None:
    formats = ("json", "md", "svg", "junit")
    commands = [["report", "one", "--format", each] for each in formats]
    imported(project, ["report", "one"])  # the first that looks at the catalogue reads it
    assert imported(project, *commands, ["report", "one"], ["diff", "one", "one"]) == {"msgspec"}


def test_the_local_engine_needs_no_sdk_of_docker(project: Path) -> None:
    asked = "from runner.engines import create; create('local').unavailable(); import sys"
    found = subprocess.run(
        [sys.executable, "-c", f"{asked}; print('docker' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "False\n"
