"""A process's temporary folder: its own while it lives, anybody's to remove when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner.machine import process_id, temporary

HOLDS = """
import subprocess, sys, time
from runner.machine import processes, temporary
with processes.start([sys.executable, "-c", "import time; time.sleep(300)"]) as child:
    print(temporary.process_folder(), child.pid, flush=True)
    time.sleep(300)
"""
OWNS = """from runner.machine import process_id
print(process_id.process_label(), flush=True)
input()"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_folder", None)
    return tmp_path


@pytest.fixture
def holder(elsewhere: Path) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        env={**os.environ, "TMPDIR": str(elsewhere)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    folder, child = process.stdout.readline().split()
    yield process, Path(folder), int(child)
    process.kill()
    process.wait()
    temporary.end_dead_runs()


def test_the_folder_of_a_living_process_is_left_alone(
    holder: tuple[subprocess.Popen[str], Path, int],
) -> None:
    _, folder, child = holder
    assert temporary.end_dead_runs() == []
    assert folder.is_dir()
    assert Path(f"/proc/{child}").exists()


def test_what_a_killed_process_left_is_ended_and_removed(
    holder: tuple[subprocess.Popen[str], Path, int],
) -> None:
    process, folder, child = holder
    (folder / "secrets").mkdir()
    (folder / "secrets" / "settings").write_text("password", "utf-8")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert temporary.dead_folders() == [folder]
    assert temporary.end_dead_runs() == [folder]
    assert not folder.exists()
    assert _ended(child)


def test_a_folder_is_made_once_and_again_where_somebody_removed_it(elsewhere: Path) -> None:
    made = temporary.process_folder()
    assert temporary.process_folder() == made
    assert made.stat().st_mode & 0o077 == 0
    made.rmdir()
    assert temporary.process_folder().is_dir()
    assert temporary.end_dead_runs() == []


def test_a_link_that_goes_by_such_a_name_is_not_followed(elsewhere: Path) -> None:
    (elsewhere / "kept").mkdir()
    (elsewhere / "tfmatrix-run-12345678").symlink_to("kept")
    assert temporary.end_dead_runs() == []
    assert (elsewhere / "kept").is_dir()


def test_an_owner_is_gone_once_it_has_ended() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    label = process.stdout.readline().strip()
    assert not process_id.has_ended(label)
    process.communicate("\n")
    assert process_id.has_ended(label)
    assert not process_id.has_ended(process_id.process_label())


def test_another_process_of_the_same_pid_is_not_the_owner() -> None:
    started, pid, place = process_id.process_label().split(" ", 2)
    assert process_id.has_ended(f"{started}0 {pid} {place}")


@pytest.mark.parametrize("place", ["another-machine pid:[1]", "another-machine", ""])
def test_owners_elsewhere_are_never_taken_for_gone(place: str) -> None:
    assert not process_id.has_ended(f"1 999999 {place}")


@pytest.mark.parametrize("label", ["", "x", "1 -1 y", "1 \u00b2 y", "1 " + "9" * 400])
def test_any_label_can_be_read(label: str) -> None:
    assert not process_id.has_ended(label)


def test_an_owner_does_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The date of a start moves with the clock that is set while the process runs."""
    label = process_id.process_label()
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3600)
    if sys.platform == "linux":
        assert not process_id.has_ended(label)


def _ended(pid: int) -> bool:
    """Whether the process ends soon. Its environment goes first; until its parent waits, it is a
    zombie."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        except (FileNotFoundError, ProcessLookupError):
            return True
        if stat.rpartition(")")[2].split()[0] in "ZX":
            return True
        time.sleep(0.05)
    return False
