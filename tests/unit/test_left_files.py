"""Files that a cell leaves: how the agent packs them, how they are checked, and kept with a run."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.agent import LEFT_LOOKS, LEFT_TEXT, LeftFiles
from runner.cells import left_files
from runner.cells.agent_messages import ProtocolError, decode_execution
from tests.unit.test_session import ENDED

# --- In the cell -----------------------------------------------------------------------------


def left(work: Path, script: Callable[[], object], folder: str = "out") -> dict[str, Any]:
    """What the agent packs after `script` has run in the working directory `work`."""
    looks = LeftFiles(str(work), folder)
    before = Path.cwd()
    os.chdir(work)
    try:
        script()
    finally:
        os.chdir(before)
    return looks.pack()


def kept(work: Path, script: Callable[[], object], folder: str = "out") -> dict[str, bytes]:
    answer = left(work, script, folder)
    assert answer["left_out"] == []
    return left_files.contents(left_files.checked_files(answer["files"]))


def write(name: str, content: bytes = b"x") -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_what_lies_in_the_folder_is_kept_and_nothing_else(tmp_path: Path) -> None:
    def script() -> None:
        write("out/a/b/c.npy", b"c" * 200_000)
        write("out/é d", b"")
        write("outside")
        write("out/__pycache__/x.pyc")

    assert kept(tmp_path, script) == {"a/b/c.npy": b"c" * 200_000, "é d": b""}


def test_no_folder_no_files(tmp_path: Path) -> None:
    assert kept(tmp_path, lambda: write("a")) == {}
    assert kept(tmp_path, lambda: write("out/a"), folder="") == {}


def test_only_what_was_made_or_changed_counts(tmp_path: Path) -> None:
    for name in ("there", "appended", "again", "sub/there"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"old")
        os.utime(tmp_path / name, (1, 1))

    def script() -> None:
        write("appended", b"old!")
        write("again", b"old")
        write("sub/new")

    found = kept(tmp_path, script, folder=".")
    assert found == {"appended": b"old!", "again": b"old", "sub/new": b"x"}


def link(name: str, target: str) -> None:
    Path(name).symlink_to(target)


def sparse(name: str, size: int) -> None:
    write(name)
    os.truncate(name, size)


def a_socket(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(name)


def many(count: int) -> None:
    for number in range(count):
        write(str(number), b"")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (lambda: link("a", "/etc/passwd"), "a, which is no plain file"),
        (lambda: link("a", "/"), "a, which is no plain file"),
        (lambda: os.mkfifo("a"), "a, which is no plain file"),
        (lambda: a_socket("a"), "a, which is no plain file"),
        (lambda: sparse("a", 1 << 40), "more than 64 MiB, with a"),
        (lambda: write("a", os.urandom(3 << 20)), "more than 1.5 MB, compressed, with a"),
        (lambda: many(1000), "more than 1000 files, with another"),
        (lambda: Path("/".join("a" * 20)).mkdir(parents=True), "folders more than 16 deep"),
        (lambda: write(os.fsdecode(b"\xff"), b""), "a file whose name is no text: '\\udcff'"),
        (lambda: write("a\nb"), "a file whose name is no text: 'a\\nb'"),
        (lambda: write("/".join(["a" * 200] * 3)), "a file whose name is longer than 500: aaa"),
    ],
)
def test_what_is_no_bounded_plain_file_is_left_out_and_told(
    tmp_path: Path, script: Callable[[], object], why: str
) -> None:
    def with_another() -> None:
        script()
        write("another", b"kept")

    answer = left(tmp_path, with_another, folder=".")
    (told,) = answer["left_out"]
    assert told.startswith(why)
    assert "1000 files" in told or list(answer["files"]) == ["another"]


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    (tmp_path / "work").mkdir()
    answer = left(tmp_path / "work", lambda: link("out", "../secret"))
    assert answer == {
        "files": {},
        "left_out": ["out, which is no folder that can be read"],
    }


def test_a_file_of_that_name_that_lay_beside_the_script_is_no_news(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("there was a file")
    assert left(tmp_path, lambda: None) == {"files": {}, "left_out": []}
    (tmp_path / "out").unlink()
    answer = left(tmp_path, lambda: write("out"))
    assert answer["left_out"] == ["out, which is no folder that can be read"]


def test_the_working_directory_itself_may_be_gone(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    looks = LeftFiles(str(work), "out")
    work.rmdir()
    assert looks.pack() == {"files": {}, "left_out": []}


def test_of_much_that_is_left_out_little_is_named(tmp_path: Path) -> None:
    def script() -> None:
        for number in range(9):
            link(f"l{number}", "a")

    answer = left(tmp_path, script, folder=".")
    assert answer["left_out"] == [
        *(f"l{n}, which is no plain file" for n in range(5)),
        "4 more",
    ]


def test_folders_without_end_are_not_looked_at_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.agent.LEFT_LOOKS", 50)
    assert LEFT_LOOKS > 50
    for number in range(60):
        (tmp_path / str(number)).mkdir()
    answer = LeftFiles(str(tmp_path), ".").pack()
    assert answer["left_out"] == ["more than 50 files and folders"]


def test_small_files_are_kept_beside_one_that_is_too_large(tmp_path: Path) -> None:
    def script() -> None:
        write("out/a", b"1")
        write("out/b", os.urandom(3 << 20))
        write("out/c", b"3")

    answer = left(tmp_path, script)
    assert answer["left_out"] == ["more than 1.5 MB, compressed, with b"]
    assert list(answer["files"]) == ["a", "c"]


def test_what_is_read_and_not_kept_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.agent.LEFT_BYTES", 4 << 20)

    def script() -> None:
        write("out/a", os.urandom(3 << 20))
        for name in "bcd":
            os.link("out/a", f"out/{name}")

    answer = left(tmp_path, script)
    assert answer["left_out"] == [
        "more than 1.5 MB, compressed, with a",
        *(f"more than 4 MiB, with {name}" for name in "bcd"),
    ]


def test_the_packed_files_stay_below_the_bound_of_an_answer(tmp_path: Path) -> None:
    def script() -> None:
        for number in range(60):
            write(f"out/{number}", os.urandom(40_000))

    answer = left(tmp_path, script)
    text = json.dumps(answer["files"])
    assert LEFT_TEXT * 0.9 < len(text) < LEFT_TEXT


# --- Checked ---------------------------------------------------------------------------------


def packed(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    return {
        name: [
            hashlib.sha256(content).hexdigest(),
            base64.b85encode(zlib.compress(content)).decode(),
        ]
        for name, content in files.items()
    }


DIGEST, TEXT = packed({"a": b"a"})["a"]


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/x",
        "a/../../x",
        "",
        ".",
        "a//b",
        "./a",
        "a\nb",
        "x" * 501,
        "x" * 256,
        "é" * 200,
        "a/",
        "\0",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="leads elsewhere"):
        left_files.checked_files(packed({name: b"x"}))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (["a"], "expected an object"),
        (packed({str(n): b"" for n in range(1001)}), "at most 1000 files"),
        (packed({"a": b"", "a/b": b""}), "leads elsewhere"),
        ({"a": TEXT}, "a: expected its digest and its content"),
        ({"a": [DIGEST]}, "a: expected its digest and its content"),
        ({"a": [DIGEST, 3]}, "a: expected its digest and its content"),
        ({"a": ["0" * 64, TEXT]}, "a arrived damaged"),
        ({"a": [DIGEST, "é"]}, "a arrived damaged"),
        ({"a": [DIGEST, "0000000000"]}, "a arrived damaged"),
        (packed({"a": bytes(64 << 20), "b": b"x"}), "b goes over 64 MiB"),
    ],
)
def test_of_anything_odd_nothing_is_used(found: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        left_files.checked_files(found)
    with pytest.raises(ProtocolError, match="the agent's files: "):
        decode_execution({**ENDED, "files": found})


@pytest.mark.parametrize("name", ["a\u202eb", "a\u2028b", "a\x1bb", "a\ud800"])
def test_a_name_that_would_change_how_it_is_shown_is_refused(name: str) -> None:
    assert not left_files.is_inside(name)


def test_a_name_with_a_sign_that_this_python_does_not_know_is_taken() -> None:
    assert left_files.is_inside("\u0378")  # unassigned in every Unicode so far


def test_an_answer_with_files() -> None:
    left = {"files": packed({"a": b"1"}), "left_out": ["b, which is no plain file"]}
    execution = decode_execution({**ENDED, **left})
    assert left_files.contents(execution.files) == {"a": b"1"}
    assert execution.left_out == ("b, which is no plain file",)
    without = decode_execution(ENDED)
    assert (without.files, without.left_out) == ({}, ())
