"""What fresh processes have said, from run to run: shared, bounded, and no trouble when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cells.flakiness.confirmations import LARGEST, LONGEST, OnDisk

ONE = "ValueError: no such luck"


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_later_run_knows_what_an_earlier_one_saw(tmp_path: Path) -> None:
    OnDisk(tmp_path / "seen").confirm("docker:abc", ONE)
    later = OnDisk(tmp_path / "seen")
    assert later.signatures("docker:abc") == {ONE}
    assert later.signatures("local:abc") == frozenset()


def test_the_same_is_written_once(tmp_path: Path) -> None:
    for _ in range(3):
        OnDisk(tmp_path).confirm("e", ONE)
    assert only_file(tmp_path).read_bytes().count(b"ValueError") == 1


def test_what_was_written_by_half_spoils_nothing_else(tmp_path: Path) -> None:
    OnDisk(tmp_path).confirm("e", "first")
    with open(only_file(tmp_path), "ab") as file:
        file.write(b'\n"half a li')
    OnDisk(tmp_path).confirm("e", "last")
    assert OnDisk(tmp_path).signatures("e") == {"first", "last"}


@pytest.mark.parametrize(
    "rubbish",
    [b"\x00\xff\xfe", b"[" * 10**5, b'{"a": 1}\n3\nnull\n""\n', b"\n\n\n", b"9" * 5000],
    ids=["no-text", "deep", "no-signatures", "empty-lines", "long-number"],
)
def test_a_damaged_file_only_costs_what_is_damaged(tmp_path: Path, rubbish: bytes) -> None:
    OnDisk(tmp_path).confirm("e", ONE)
    path = only_file(tmp_path)
    path.write_bytes(rubbish + path.read_bytes())
    assert OnDisk(tmp_path).signatures("e") == {ONE}


@given(signature=st.text(min_size=1, max_size=200))
def test_any_signature_comes_back(tmp_path_factory: pytest.TempPathFactory, signature: str) -> None:
    folder = tmp_path_factory.mktemp("seen")
    OnDisk(folder).confirm("e", signature)
    assert OnDisk(folder).signatures("e") == {signature}


def test_the_file_is_bounded_and_keeps_what_is_new(tmp_path: Path) -> None:
    seen = OnDisk(tmp_path)
    for number in range(LARGEST // 1000):
        seen.confirm("e", f"{number:4}" * 500)
        assert only_file(tmp_path).stat().st_size < LARGEST + LONGEST
    kept = OnDisk(tmp_path).signatures("e")
    assert f"{number:4}" * 500 in kept
    assert len(kept) < LARGEST // 1000
    seen.confirm("f", "x" * (LONGEST + 1))
    assert len(seen.signatures("f")) == 1, "within a run it is known all the same"
    assert OnDisk(tmp_path).signatures("f") == frozenset()


def test_a_folder_that_cannot_be_written_is_a_memory_within_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seen = OnDisk(tmp_path / "file" / "folder")
    seen.confirm("e", ONE)
    assert seen.signatures("e") == {ONE}


WRITER = """
import sys
from pathlib import Path
from runner.cells.flakiness.confirmations import OnDisk
seen = OnDisk(Path(sys.argv[1]))
for number in range(200):
    seen.confirm("e", f"writer {sys.argv[2]} says {number} " + "x" * number * 4)
"""


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    writers = [subprocess.Popen([*command, name], env=environment) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    said = {signature.rstrip("x ") for signature in OnDisk(tmp_path).signatures("e")}
    assert said == {f"writer {name} says {number}" for name in "ab" for number in range(200)}


def test_that_children_end_well_is_kept_for_an_environment(tmp_path: Path) -> None:
    assert not OnDisk(tmp_path).ends_well("docker:abc")
    OnDisk(tmp_path).add_ends_well("docker:abc")
    later = OnDisk(tmp_path)
    assert later.ends_well("docker:abc")
    assert not later.ends_well("local:abc")
    assert later.signatures("docker:abc") == frozenset(), "it is no signature"
