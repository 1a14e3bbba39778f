"""How much is said, and the log that a run leaves."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click
import pytest

from runner import cli
from runner.cli import log
from runner.machine import processes, secret_text

RUN = ["run", "my.py", "--tf", "2.9", "--device", "cuda", "--engine", "local"]
"""Of one cell, which no machine without a GPU can measure."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "my.py").write_text("import tensorflow\n", "utf-8")
    return tmp_path


def written(folder: Path) -> str:
    return (folder / "results" / "latest" / log.FILE).read_text("utf-8")


def test_a_run_leaves_a_log_of_its_steps(folder: Path) -> None:
    assert cli.execute(RUN) == 0
    text = written(folder)
    assert "engine: local" in text
    assert "DEBUG   MainThread runner: ended after" in text
    assert text.startswith("20")
    assert all(line[23:24] == "Z" for line in text.splitlines() if line.startswith("20"))


@pytest.mark.parametrize(
    ("options", "said", "unsaid"),
    [
        ([], "engine: local", "ended after"),
        (["-v"], "ended after", "nothing that is not said"),
        (["-q"], "", "engine: local"),
    ],
)
def test_how_much_is_said(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
    unsaid: str,
) -> None:
    assert cli.execute([*RUN, *options]) == 0
    shown = capsys.readouterr()
    assert "1 cell is skipped" in shown.out
    assert said in shown.err
    assert unsaid not in shown.err
    assert options != ["-q"] or shown.err == ""


def test_quiet_still_says_what_goes_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["run", "none.py", "--quiet"]) == 2
    assert "none.py" in capsys.readouterr().err


def test_both_at_once_is_wrong_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute([*RUN, "-v", "-q"]) == 2
    assert "-v and -q exclude each other" in capsys.readouterr().err


def test_every_verb_has_them() -> None:
    for verb in cli.VERBS:
        command = cli.tfmatrix.get_command(click.Context(cli.tfmatrix), verb)
        assert command is not None
        assert [p.name for p in command.params].count("verbose") == 1, verb


def test_nothing_stays_behind(folder: Path) -> None:
    before = list(logging.getLogger("runner").handlers)
    assert cli.execute(RUN) == 0
    assert logging.getLogger("runner").handlers == before
    assert log.verbosity() is log.Verbosity.USUAL


def test_a_log_is_bounded_and_keeps_the_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 10_000)

    def talkative(*_: object, **__: object) -> None:
        for number in range(5_000):
            logging.getLogger("runner.machine").debug("line %s", number)

    monkeypatch.setattr("runner.cli.run.pipeline.carry_out", talkative)
    assert cli.execute(RUN) == 0
    files = sorted((folder / "results" / "latest").glob("run.log*"))
    assert [file.name for file in files] == ["run.log", "run.log.1"]
    assert sum(file.stat().st_size for file in files) <= 20_000
    assert "line 4999" in written(folder)


def test_a_bug_names_the_log_and_leaves_its_traceback_there(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr("runner.cli.run.pipeline.carry_out", broken)
    assert cli.execute(RUN) == 3
    (run,) = (folder / "results").iterdir()
    assert f"{run / log.FILE}" in capsys.readouterr().err
    assert "KeyError: 'nobody thought of this'" in (run / log.FILE).read_text("utf-8")


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"--index-url https://me:{SECRET}@host/simple",
        f"https://{SECRET}@host/simple",
        f"GET /file?token={SECRET}&x=1",
        f"Authorization: Bearer {SECRET}",
        "ghp_0123456789abcdefghij",
        f"with {SECRET} in the middle",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    environ = {"UV_INDEX_X_PASSWORD": SECRET} if text.startswith("with") else {}
    hidden = secret_text.secret_remover(environ)(text)
    assert secret_text.HIDDEN in hidden
    assert SECRET not in hidden
    assert "0123456789" not in hidden


def test_what_is_no_secret_stays() -> None:
    text = "https://host/simple numpy==1.22.4 --tf '>=2.4' token x=1 git+ssh://host/a"
    assert secret_text.secret_remover({"MY_TOKEN": "2.4", "HOME": "/root"})(text) == text


def test_a_command_with_a_password_is_logged_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_INDEX_TOKEN", SECRET)

    def calls(*_: object, **__: object) -> None:
        code = f"print('{SECRET} https://u:{SECRET}@h/')"
        assert list(processes.stream([sys.executable, "-c", code]))[-1] == "exit 0"

    monkeypatch.setattr("runner.cli.run.pipeline.carry_out", calls)
    assert cli.execute(RUN) == 0
    text = written(folder)
    assert "https://***@h/" in text
    assert SECRET not in text
