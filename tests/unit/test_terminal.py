"""Colours and a display that moves the cursor: who gets which."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from runner import cli
from runner.pipeline import display
from runner.runs import journal
from tests.unit import runs

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
CURSOR = re.compile(r"\x1b\[[\d;?]*[A-HJKlh]")
RUN = ("run", "my.py", "--tf", "2.9", "--device", "cuda", "--engine", "local")
"""Of one cell, which no machine without a GPU can measure."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a script, and a run of which one cell failed."""
    (tmp_path / "my.py").write_text("import tensorflow\n", "utf-8")
    run = runs.drawn("2.9 2.10\na ✓ A\nb ✓ –")
    log = journal.Journal(tmp_path / "one", run)
    for result in run.results:
        log.append(result, "")
    log.close()
    return tmp_path


def said(folder: Path, *words: str, terminal: bool = False, **variables: str) -> str:
    """What both streams of a command show, on a terminal or in a file."""
    kept = ("PATH", "HOME", "LANG")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env.update(PYTHONPATH=str(ROOT), TFMATRIX_CACHE=str(folder / "cache"), TERM="xterm")
    command = [sys.executable, "-m", "runner", *words]
    show = _on_a_terminal if terminal else _in_a_file
    return show(command, folder, {**env, **variables})


def _in_a_file(command: list[str], folder: Path, env: Mapping[str, str]) -> str:
    with open(folder / "said", "w+") as file:
        subprocess.run(command, cwd=folder, env=env, stdout=file, stderr=file, check=True)
        file.seek(0)
        return file.read()


def _on_a_terminal(command: list[str], folder: Path, env: Mapping[str, str]) -> str:
    master, slave = pty.openpty()
    with subprocess.Popen(command, cwd=folder, env=env, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown = b""
        try:
            while data := os.read(master, 1 << 16):
                shown += data
        except OSError:  # the end, as Linux says it
            pass
    os.close(master)
    assert process.returncode == 0
    return shown.decode("utf-8", "replace")


def test_a_grid_on_a_terminal_has_colours(folder: Path) -> None:
    shown = said(folder, "report", "one", terminal=True)
    assert "\x1b[1;31mA\x1b[0m" in shown
    assert "\x1b[32m✓\x1b[0m" in shown


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_whoever_wants_no_colours_gets_none(folder: Path, variables: dict[str, str]) -> None:
    shown = said(folder, "report", "one", terminal=True, **variables)
    assert "✓" in shown
    assert not COLOUR.search(shown)


def test_a_file_gets_plain_text(folder: Path) -> None:
    shown = said(folder, "report", "one")
    assert "a    ✓      A\n" in shown
    assert "\x1b" not in shown


def test_colours_into_a_file_move_no_cursor(folder: Path) -> None:
    shown = said(folder, "report", "one", FORCE_COLOR="1")
    assert COLOUR.search(shown)
    assert "\x1b" not in COLOUR.sub("", shown)
    shown = said(folder, *RUN, FORCE_COLOR="1")
    assert "1 cell is skipped" in shown
    assert "\x1b" not in COLOUR.sub("", shown)


def test_a_live_display_is_for_terminals_that_can(folder: Path) -> None:
    assert CURSOR.search(said(folder, *RUN, terminal=True))
    shown = said(folder, *RUN, terminal=True, TERM="dumb")
    assert "1 cell is skipped" in shown
    assert "\x1b" not in shown


def test_colour_alone_chooses_no_live_display() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, force_interactive=False)
    assert isinstance(display.make_display(console, 1), display.PlainDisplay)


def test_report_prints_the_grid_and_writes_everything(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert cli.execute(["report", "one"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("a fails on 2.10")
    assert "report: one/matrix.md  one/index.html" in shown.err
    assert (folder / "one" / "matrix.svg").is_file()
