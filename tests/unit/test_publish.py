"""The reports of a run, written beside its journal; and what of its folder they may read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import evolve

from runner.report import publish
from tests.unit import runs


def test_every_report_is_written_and_can_be_asked_for_alone(tmp_path: Path) -> None:
    run = runs.drawn("2.4 2.5\na ✓ A")
    publish.write(run, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"matrix.json", "matrix.md", "index.html", "matrix.svg", "junit.xml"}
    assert (tmp_path / "matrix.md").read_text() == publish.render(run, "md", tmp_path)


def test_the_job_summary_of_github_gets_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    publish.write(runs.drawn("2.4\na ✓"), tmp_path / "run")
    text = summary.read_text()
    assert text == "before\n" + (tmp_path / "run" / "matrix.md").read_text()


def shown(folder: Path, log: str) -> str:
    """What the report of a run with this path of a log says of it."""
    run = runs.drawn("2.4\na A")
    run = evolve(run, results=tuple(evolve(r, log=log) for r in run.results))
    return publish.render(run, "md", folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("SECRET")
    logs = tmp_path / "run" / "logs"
    logs.mkdir(parents=True)
    (logs / "cell.txt").write_text("OUTPUT")
    (logs / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "run" / "out").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(logs / "fifo.txt")
    return tmp_path / "run"


def test_a_log_is_read_from_the_folder(folder: Path) -> None:
    assert "OUTPUT" in shown(folder, "logs/cell.txt")


def test_a_folder_that_is_a_link_itself_is_read(folder: Path) -> None:
    link = folder.parent / "latest"
    link.symlink_to(folder.name, target_is_directory=True)
    assert "OUTPUT" in shown(link, "logs/cell.txt")


@pytest.mark.parametrize(
    "log",
    [
        *("logs/link.txt", "out/secret.txt", "../secret.txt", "logs/../../secret.txt"),
        *("logs/fifo.txt", "logs", "logs/", "", "..", "logs/gone.txt", "/dev/zero", "nul\0"),
        "logs/" + "x" * 300,
    ],
)
def test_nothing_else_is_read(folder: Path, log: str) -> None:
    text = shown(folder, log)
    assert "SECRET" not in text
    assert "Logs: the end of one" not in text


def test_of_a_huge_log_a_part_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "LOG_LIMIT", 10)
    (folder / "logs" / "cell.txt").write_text("0123456789" * 100)
    assert "0123456789\n```" in shown(folder, "logs/cell.txt")
