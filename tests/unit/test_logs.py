"""The logs of a run: files, and beyond some thousands of them, members of an archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
from attrs import evolve

from runner import cli
from runner.errors import TfmatrixError
from runner.machine import files
from runner.model import Run
from runner.report import publish
from runner.runs import journal, logs
from runner.runs.logs import RunFiles
from tests.unit import runs
from tests.unit.test_journal import head, result

CASES = ("a", "b", "c" * 79 + "/" + "d" * 200, "é \n", "e")
"""Their logs: two files, then members with a long and an odd name."""


@pytest.fixture(autouse=True)
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_FILES", 2)


def text(case: str) -> str:
    return f"output of {case}\n" * (1 + len(case))


def written(folder: Path, cases: tuple[str, ...] = CASES) -> Run:
    log = journal.Journal(folder, head())
    for case in cases:
        log.append(result(case), text(case))
    log.close()
    return journal.read_run(folder)


def read(folder: Path, run: Run) -> dict[str, str]:
    found = RunFiles(folder)
    return {each.case: found.text(each.log) or "" for each in run.results}


def test_every_log_is_found_under_the_path_that_its_cell_names(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    assert read(tmp_path / "run", run) == {case: text(case) for case in CASES}
    assert len(list((tmp_path / "run" / "logs").iterdir())) == 2
    assert RunFiles(tmp_path / "run").has_archive


def test_a_run_with_few_logs_has_no_archive(tmp_path: Path) -> None:
    run = written(tmp_path / "run", CASES[:2])
    assert not (tmp_path / "run" / logs.ARCHIVE).exists()
    assert not RunFiles(tmp_path / "run").has_archive
    assert read(tmp_path / "run", run) == {case: text(case) for case in CASES[:2]}


@pytest.mark.parametrize("tool", ["tar", "tarfile"])
def test_tar_makes_files_of_the_archive(tmp_path: Path, tool: str) -> None:
    folder = tmp_path / "run"
    run = written(folder)
    if tool == "tarfile":
        with tarfile.open(folder / logs.ARCHIVE) as archive:
            for member in archive:
                archive.extract(member, folder, set_attrs=False)
    elif shutil.which("tar"):
        subprocess.run(["tar", "xf", logs.ARCHIVE], cwd=folder, check=True)
    else:
        pytest.skip("no tar here")
    (folder / logs.ARCHIVE).unlink()
    for cell in run.results:
        assert (folder / str(cell.log)).read_text("utf-8") == text(cell.case)


@pytest.mark.parametrize("name", ["logs/a.txt", "x" * 100, "x" * 101, "logs/é.txt"])
@pytest.mark.parametrize("size", [0, 511, 512, 1 << 20, (8 << 30) - 1, 8 << 30])
def test_heads_of_members_are_those_of_tarfile(name: str, size: int) -> None:
    made = tarfile.TarInfo(name)
    made.size = size
    assert logs._head(name.encode(), size) == made.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("case", ["a", "e"])
def test_an_archive_that_went_costs_its_logs_only(tmp_path: Path, case: str) -> None:
    folder = tmp_path / "run"
    run = written(folder)
    (folder / logs.ARCHIVE).unlink()
    assert read(folder, run)[case] == (text(case) if case == "a" else "")


def test_many_known_logs_are_all_there_before_their_lines(tmp_path: Path) -> None:
    log = journal.Journal(tmp_path / "run", head())
    log.append_known((result(case), text(case)) for case in CASES)
    assert read(tmp_path / "run", journal.read_run(tmp_path / "run")) == {c: text(c) for c in CASES}
    log.close()


def test_large_logs_do_not_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_AT_ONCE", 1000)
    writer = logs.LogWriter(tmp_path)
    for number in range(5):
        writer.write(f"logs/{number}.txt", b"x" * 2000)
    assert (tmp_path / logs.ARCHIVE).stat().st_size == 3 * (512 + 2048)
    writer.close()


@pytest.mark.parametrize("again", ["a", "e"])
def test_of_two_logs_of_a_cell_the_last_holds(tmp_path: Path, again: str) -> None:
    """Whether it is a file or a member, and also if the journal is opened anew."""
    folder = tmp_path / "run"
    written(folder)
    log = journal.Journal(folder, head())
    log.append(result(again), "new\n")
    log.close()
    assert read(folder, journal.read_run(folder))[again] == "new\n"


@pytest.mark.parametrize("cut", [1, 511, 513, 1024, 1500])
def test_a_member_cut_off_costs_only_itself(tmp_path: Path, cut: int) -> None:
    folder = tmp_path / "run"
    run = written(folder)
    archive = folder / logs.ARCHIVE
    with archive.open("rb+") as file:
        file.truncate(archive.stat().st_size - cut)
    found = read(folder, run)
    assert found["e"] == ""
    whole = [case for case in CASES if found[case] == text(case)]
    assert whole == list(CASES[: len(whole)])
    assert len(whole) >= 3


def test_a_full_disk_keeps_the_logs_before_and_takes_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    log = journal.Journal(folder, head())
    for case in CASES[:3]:
        log.append(result(case), text(case))
    whole = files.write_all

    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_all", half)
    with pytest.raises(TfmatrixError, match="No space left"):
        log.append(result(CASES[3]), text(CASES[3]))
    monkeypatch.setattr(files, "write_all", whole)
    assert read(folder, journal.read_run(folder)) == {case: text(case) for case in CASES[:3]}
    log.append(result("e"), text("e"))
    log.close()
    assert read(folder, journal.read_run(folder)) == {c: text(c) for c in (*CASES[:3], "e")}


def test_logs_of_many_threads_are_all_whole(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    log = journal.Journal(folder, head())

    def append(first: int) -> None:
        for number in range(first, first + 25):
            log.append(result(str(number)), text(str(number)), sync=False)

    threads = [threading.Thread(target=append, args=(first,)) for first in range(0, 100, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    wanted = {str(number): text(str(number)) for number in range(100)}
    assert read(folder, journal.read_run(folder)) == wanted


def test_of_a_huge_member_a_part_is_read(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    assert RunFiles(tmp_path / "run").read(str(run.results[-1].log), 10) == b"output of "


# --- What a stranger may have put there ------------------------------------------------------


def member(name: str, content: bytes, kind: bytes = tarfile.REGTYPE, size: int = -1) -> bytes:
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, len(content) if size < 0 else size
    return made.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % 512)


BAD = {
    "noise": b"noise" * 300,
    "zeros": b"\0" * 5000,
    "larger than the file": member("logs/bad.txt", b"x", size=1 << 32),
    "a link": member("logs/bad.txt", b"", tarfile.SYMTYPE),
    "an endless name": member("x", b"y" * 10_000, tarfile.GNUTYPE_LONGNAME),
    "a negative size": member("logs/bad.txt", b"x")[:124] + b"-0000000001\0" + b" " * 376,
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_log_ends_the_archive(tmp_path: Path, bad: str) -> None:
    good, after = member("logs/good.txt", b"good"), member("logs/after.txt", b"after")
    (tmp_path / logs.ARCHIVE).write_bytes(good + BAD[bad] + after)
    found = RunFiles(tmp_path)
    assert found.text("logs/good.txt") == "good"
    assert found.text("logs/bad.txt") is None
    assert found.text("logs/after.txt") is None


@pytest.mark.parametrize("kind", ["device", "pipe", "link", "folder", "endless"])
@pytest.mark.timeout(20)
def test_the_archive_is_a_regular_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / logs.ARCHIVE
    (tmp_path / "kept").write_bytes(member("logs/good.txt", b"good"))
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "kept")
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)  # takes no room
    assert RunFiles(tmp_path).text("logs/good.txt") is None


def test_of_too_many_members_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MOST_MEMBERS", 1)
    run = written(tmp_path / "run")
    assert [bool(said) for said in read(tmp_path / "run", run).values()] == [True] * 3 + [False] * 2


# --- Those who read logs ---------------------------------------------------------------------


def failed(folder: Path) -> Run:
    """A run in which each case fails."""
    drawn = runs.drawn("2.4\na A\nb A\nc B\nd C")
    log = journal.Journal(folder, drawn)
    for each in drawn.results:
        log.append(evolve(each, log=None), f"the log of {each.case}\n")
    log.finish("2026-01-01T00:01:00Z")
    log.close()
    return journal.read_run(folder)


def test_reports_show_logs_of_the_archive(tmp_path: Path) -> None:
    run = failed(tmp_path / "run")
    for kind in ("html", "junit"):
        shown = publish.render(run, kind, tmp_path / "run")
        assert all(f"the log of {case}" in shown for case in "abcd")
    assert '"archive":"logs.tar"' in publish.render(run, "html", tmp_path / "run")


def test_merged_runs_keep_the_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = failed(tmp_path / "one")
    assert cli.execute(["merge", "one", "--output", "all"]) == 0
    assert read(tmp_path / "all", run) == {case: f"the log of {case}\n" for case in "abcd"}


def test_matrix_json_names_files_and_members_alike(tmp_path: Path) -> None:
    run = failed(tmp_path / "run")
    shown = publish.render(run, "json", tmp_path / "run")
    assert all(f'"log": "{each.log}"' in shown for each in run.results)
