"""Files written whole or not at all, and strangers' files read with care."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from runner.machine import files


def test_a_file_is_replaced_in_one_step_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    files.write_atomic(path, "ü\n")
    before = path.open("rb")
    files.write_atomic(path, b"new", mode=0o640, modified=1000.0, sync=True)
    assert before.read() == "ü\n".encode()  # who had it open reads what it was
    before.close()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_mtime == 1000.0
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_many_pieces_are_written_as_their_text(tmp_path: Path) -> None:
    pieces = [f"é{number}," * 1000 for number in range(300)]
    files.write_atomic(tmp_path / "many", iter(pieces))
    files.write_atomic(tmp_path / "none", iter([]))
    assert (tmp_path / "many").read_text("utf-8") == "".join(pieces)
    assert (tmp_path / "none").read_bytes() == b""


def test_pieces_that_cannot_be_written_leave_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        files.write_atomic(tmp_path / "file", iter(["x" * 100_000, "\udce9"]))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    (path / "in the way").touch()
    with pytest.raises(OSError, match="file"):
        files.write_atomic(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1234")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "device").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert files.read_regular(tmp_path / "file", 4) == b"1234"
    assert files.read_beginning(f"{tmp_path}/file", 3) == b"123"
    assert files.read_beginning(f"{tmp_path}/file", 1 << 30) == b"1234"
    for name in ("link", "device", "pipe", "missing"):
        with pytest.raises(OSError, match=name):
            files.read_regular(tmp_path / name, 4)
        with pytest.raises(OSError, match=name):
            files.read_beginning(f"{tmp_path}/{name}", 4)
    with pytest.raises(OSError, match="larger than"):
        files.read_regular(tmp_path / "file", 3)


def test_a_small_file_takes_little_memory_whatever_the_bound(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1234")
    tracemalloc.start()
    try:
        assert files.read_regular(tmp_path / "file", 1 << 30) == b"1234"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_text_is_read_through_links_and_bounded(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("ü".encode())
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "device").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert files.regular_text(tmp_path / "link") == "ü"
    for name in ("device", "pipe"):
        with pytest.raises(OSError, match=name):
            files.regular_text(tmp_path / name)
    with pytest.raises(OSError, match="larger than"):
        files.regular_text(tmp_path / "file", most=1)
