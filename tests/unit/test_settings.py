"""`[tool.tfmatrix]`: found in parent folders, below options and variables, and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest

from runner import cli, paths
from runner.cli import settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder in it, which is the current one."""
    below = tmp_path / "project" / "below"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("TFMATRIX_CACHE", "")
    monkeypatch.delenv("TFMATRIX_CACHE")
    monkeypatch.delenv("TFMATRIX_ENGINE", raising=False)
    return below.parent


def write(folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(f"[project]\nname = 'x'\n{table}", "utf-8")


def understood(*words: str) -> dict[str, Any]:
    """The parameters of a verb as the command line comes to them."""
    verb, *rest = words
    context = click.Context(
        cli.tfmatrix, info_name="tfmatrix", default_map=settings.apply(cli.VERBS)
    )
    command = cli.tfmatrix.get_command(context, verb)
    assert command is not None
    return command.make_context(verb, rest, parent=context).params


TABLE = """
[tool.tfmatrix]
engine = "local"
cluster = "tcp://10.0.0.1:8786"
jobs = 3
memory-for-cells = "8GB"
keep-environments = "none"
max-disk = "20GB"
cache = "shared-cache"
"""


def test_a_table_in_a_parent_folder_holds(project: Path) -> None:
    write(project, TABLE)
    given = understood("run", "my.py")
    names = ("engine", "cluster", "jobs", "budget", "keep", "max_disk")
    expected = ["local", "tcp://10.0.0.1:8786", 3, "8GB", 0, 20 * 10**9]
    assert [given[name] for name in names] == expected
    assert understood("bisect", "my.py")["engine"] == "local"
    assert paths.cache() == project / "shared-cache"


def test_options_and_variables_go_before(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, TABLE)
    monkeypatch.setenv("TFMATRIX_ENGINE", "docker")
    monkeypatch.setenv("TFMATRIX_CACHE", "/elsewhere")
    given = understood("run", "my.py", "--jobs", "1")
    assert (given["engine"], given["jobs"]) == ("docker", 1)
    assert understood("run", "my.py", "--engine", "auto")["engine"] == "auto"
    assert paths.cache() == Path("/elsewhere")


def test_the_nearest_file_with_the_table_counts(project: Path) -> None:
    write(project, TABLE)
    write(project / "below", "")
    assert understood("run", "my.py")["jobs"] == 3
    write(project / "below", "[tool.tfmatrix]\njobs = 5\n")
    given = understood("run", "my.py")
    assert (given["jobs"], given["engine"]) == (5, "auto")


def test_without_a_table_nothing_changes(project: Path) -> None:
    write(project, "")
    assert settings.apply(cli.VERBS) == {}
    assert "TFMATRIX_CACHE" not in os.environ


WRONG = {
    "engin = 'local'": "has no key engin; did you mean engine?",
    "colour = 'red'": "has no key colour (only cache, engine,",
    "engine = 'podman'": "engine: 'podman' is wrong; expected auto or docker or local",
    "jobs = 0": "jobs: 0 is wrong; expected a number from 1 to 256",
    "jobs = true": "jobs: True is wrong",
    "max-disk = 20": "max-disk: 20 is wrong; expected a text in quotes",
    "max-disk = 'lots'": "expected a size such as 20GB",
    "keep-environments = 'some'": "expected all, none or a size",
    "cache = ''": "expected a text in quotes",
    "jobs = ": "is not TOML",
}


@pytest.mark.parametrize(("line", "said"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_one_line_with_its_place(
    project: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    write(project, f"[tool.tfmatrix]\n{line}\n")
    assert cli.execute(["plan"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith(f"tfmatrix: {project / 'pyproject.toml'}")
    assert error.count("\n") == 1


def test_a_table_that_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text("[tool]\ntfmatrix = 1  # tool.tfmatrix\n", "utf-8")
    assert cli.execute(["plan"]) == 2
    assert "is not a table; write [tool.tfmatrix]" in capsys.readouterr().err
