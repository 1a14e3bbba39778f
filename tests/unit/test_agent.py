"""The parts of the agent that can be looked at without starting anything."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner import agent
from runner.agent import (
    Capture,
    HostGone,
    Observations,
    Process,
    Scratch,
    SharedFolders,
    descendants,
    has_tensorflow,
    plain_json,
    remove_folder,
)

# --- Which processes are going to be killed ---------------------------------------------------


def processes(*parents: tuple[int, int]) -> dict[int, Process]:
    return {pid: Process(parent, "S", 1, 0, 0.0) for pid, parent in parents}


MACHINE = processes((1, 0), (2, 0), (50, 2), (80, 1), (81, 80))
"""The first process, the kernel's own, and somebody else's."""


def test_only_what_the_agent_and_its_helper_started() -> None:
    ours = processes((100, 1), (101, 100), (102, 101), (103, 102), (104, 100))
    assert sorted(descendants({**MACHINE, **ours}, 100, 101)) == [102, 103, 104]


@pytest.mark.parametrize("helper", [0, -1, 1, 2, 80])
def test_a_helper_that_is_not_the_agents_child_counts_for_nothing(helper: int) -> None:
    """0 once was taken for a root here: it is the parent of all there is."""
    ours = processes((100, 80), (101, 100))
    assert sorted(descendants({**MACHINE, **ours}, 100, helper)) == [101]


def test_without_a_helper() -> None:
    assert sorted(descendants({**MACHINE, **processes((100, 80), (101, 100))}, 100, None)) == [101]


def test_what_has_imported_tensorflow_is_spared() -> None:
    ours = processes((100, 80), (101, 100), (102, 101), (103, 100), (104, 103))
    assert sorted(descendants({**MACHINE, **ours}, 100, 101, spared=103)) == [102]


def test_a_helper_that_proc_hides() -> None:
    assert sorted(descendants({**MACHINE, **processes((100, 80), (102, 101))}, 100, 101)) == [102]


def test_an_agent_that_is_the_first_process() -> None:
    assert sorted(descendants(processes((1, 0), (7, 1), (8, 7), (9, 1)), 1, 7)) == [8, 9]


@given(
    st.dictionaries(st.integers(1, 40), st.integers(0, 40), min_size=1),
    st.integers(2, 40),
    st.one_of(st.none(), st.integers(-1, 45)),
)
def test_never_an_ancestor_nor_a_stranger(
    parents: dict[int, int], agent: int, helper: int | None
) -> None:
    """Whatever /proc says, circles included."""
    everyone = processes(*parents.items())
    for pid in descendants(everyone, agent, helper):
        assert pid not in (0, 1, agent)
        line, at = [], pid
        while at not in (agent, helper):
            assert at not in line
            line.append(at)
            at = parents[at]


def test_a_process_has_tensorflow_while_its_libraries_are_mapped(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "site-packages" / "tensorflow" / "libtensorflow_framework.so.2"
    library.parent.mkdir(parents=True)
    library.write_bytes(bytes(4096))
    with open(library, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        assert has_tensorflow(os.getpid()) is True
    assert has_tensorflow(os.getpid()) is False


def test_a_process_that_has_ended_has_no_tensorflow() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert has_tensorflow(ended.pid) is False


@pytest.mark.parametrize(
    ("looks", "imported"),
    [
        ([False, False], False),
        ([None, False], False),  # hidden while it was being started
        ([None, None], None),
        ([None, None, True], True),
        ([False, True], True),
        ([], False),
    ],
)
def test_only_a_process_hidden_twice_leaves_it_open(
    monkeypatch: pytest.MonkeyPatch, looks: list[bool | None], imported: bool | None
) -> None:
    tree = agent.ProcessTree(None, None)
    tree.alive = {7: Process(1, "S", 1, 0, 0.0)}
    for seen in looks:
        monkeypatch.setattr(agent, "has_tensorflow", lambda pid, seen=seen: seen)
        tree._look_for_tensorflow()
    assert tree.imported is imported


# --- Output -----------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30), st.integers(1, 30))
def test_head_and_tail(chunks: list[bytes], head: int, tail: int) -> None:
    capture, whole = Capture(head, tail), b"".join(chunks)
    for chunk in chunks:
        capture.add_data(chunk)
    text = capture.kept_text()
    assert capture.total == len(whole)
    if len(whole) <= head + tail:
        assert text == whole.decode("utf-8", "backslashreplace")
    else:
        before, rest = text.split("\n… ", 1)
        number, after = rest.split(" bytes left out …\n", 1)
        assert whole[:head].decode("utf-8", "backslashreplace").startswith(before)
        assert whole[-tail:].decode("utf-8", "backslashreplace").endswith(after)
        assert len(whole) - head - tail <= int(number) <= len(whole) - head - tail + 6


def test_much_output_takes_little_memory() -> None:
    capture = Capture(10, 10)
    for _ in range(100):
        capture.add_data(b"x" * 65536)
        assert len(capture.head) + len(capture.tail) < 4 * 65536


def test_no_half_characters_at_the_cut() -> None:
    capture = Capture(5, 5)
    capture.add_data("aé€😀€éa".encode())
    assert capture.kept_text() == "aé\n… 10 bytes left out …\néa"


# --- Observations -----------------------------------------------------------------------------

LINES = st.lists(
    st.one_of(
        st.just(b'::observe name={"a": [1, 2.5]}'),
        st.just(b"::observe other=1"),
        st.just(b"::observe broken={"),
        st.just(b" ::observe indented=1"),
        st.just(b"::obs"),
        st.just(b'::test {"start": "a"}'),
        st.just(b"::tes"),
        st.binary(max_size=12),
    )
)


@given(LINES, st.lists(st.integers(0, 200)))
@example([b"::test "], [])
def test_observations_do_not_depend_on_how_the_stream_is_cut(
    lines: list[bytes], cuts: list[int]
) -> None:
    stream = b"\n".join(lines)
    whole, pieces = Observations(), Observations()
    whole.add_data(stream)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in zip(edges, edges[1:]):
        pieces.add_data(stream[start:end])
    whole.finish()
    pieces.finish()
    assert (whole.values, whole.problems) == (pieces.values, pieces.problems)
    assert whole.tests == pieces.tests
    seen = stream.split(b"\n")
    assert ("other" in whole.values) == (b"::observe other=1" in seen)
    assert bool(whole.problems) >= (b"::observe broken={" in seen)
    assert len(whole.tests) == sum(line.startswith(b"::test ") for line in seen)
    assert whole.tests.count('{"start": "a"}') == seen.count(b'::test {"start": "a"}')


@given(st.binary())
def test_any_line_is_an_observation_or_a_problem_or_nothing(line: bytes) -> None:
    found = Observations()
    found.add_data(b"::observe " + line + b"\n")
    json.dumps([found.values, found.problems], allow_nan=False).encode("ascii")


def test_bounds() -> None:
    found = Observations()
    for number in range(300):
        found.add_data(b"::observe n%d=1\n" % number)
    assert len(found.values) == 200
    assert len(found.problems) == Observations.NOTES + 1
    big = Observations()
    for number in range(20):
        big.add_data(b'::observe n%d="%s"\n' % (number, b"x" * 60000))
    assert 0 < len(json.dumps(big.values)) <= 256 << 10


def test_lines_of_tests_are_bounded_too() -> None:
    found = Observations()
    found.add_data(b"::test " + b"x" * (64 << 10) + b"\n::test \xff\n")
    assert found.tests == ["\\xff"]
    for _ in range(200):
        found.add_data(b"::test " + b"x" * 30000 + b"\n")
    assert 50 < len(found.tests) < 200
    assert sum(map(len, found.tests)) <= Observations.TESTS
    assert not found.values


def test_the_same_name_again_does_not_use_up_the_room() -> None:
    found = Observations()
    for number in range(20):
        found.add_data(b'::observe loss="%s%d"\n' % (b"x" * 60000, number))
    assert found.values["loss"].endswith("19")
    assert not found.problems


def test_a_line_without_end_is_not_kept() -> None:
    found = Observations()
    for _ in range(100):
        found.add_data(b"::observe x=" + b"y" * 10000)
    found.add_data(b"\n::observe after=1\n")
    assert found.values == {"after": 1}
    assert len(found.problems) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_plain_json_is_json_for_everybody(value: Any) -> None:
    text = json.dumps(plain_json(value, 32), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")


# --- Scratch folders --------------------------------------------------------------------------


def test_a_folder_is_removed_and_its_links_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    (precious / "file").write_text("keep me")
    folder = tmp_path / "scratch"
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "link").symlink_to(precious)
    (deep / "file link").symlink_to(precious / "file")
    (folder / "dangling").symlink_to("/nowhere")
    os.mkfifo(deep / "fifo")
    deep.chmod(0o000)
    deep.parent.chmod(0o500)
    remove_folder(str(folder))
    assert not folder.exists()
    assert (precious / "file").read_text() == "keep me"
    assert precious.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_is_a_link_itself(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    (precious / "file").write_text("keep me")
    base = tmp_path / "base"
    base.mkdir()
    (base / "scratch").symlink_to(precious)
    remove_folder(str(base))
    assert not base.exists()
    assert (precious / "file").read_text() == "keep me"


def test_deeper_than_a_path_may_be_long(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "scratch").mkdir()
    inside = os.open("scratch", os.O_RDONLY, dir_fd=here)
    for _ in range(100):
        os.mkdir("d" * 200, dir_fd=inside)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(inside)
    os.close(here)
    remove_folder(str(tmp_path / "scratch"))
    assert not (tmp_path / "scratch").exists()


# --- What one cell must not leave to the next --------------------------------------------------


def test_common_folders_are_emptied_but_for_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "kept").write_text("")
    monkeypatch.setenv("TFMATRIX_COMMON", f"{tmp_path}:/nowhere")
    monkeypatch.setattr("runner.agent.remove_shared_memory", lambda: None)  # it is this user's
    common = SharedFolders()
    (tmp_path / "left" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("/")
    common.empty()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells", "kept"]


def test_without_common_folders_nothing_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFMATRIX_COMMON", raising=False)
    monkeypatch.setattr("runner.agent.remove_shared_memory", pytest.fail)
    SharedFolders().empty()


def test_a_link_in_the_place_of_the_scratch_folders_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    (precious / "scratch").mkdir(parents=True)
    (precious / "file").write_text("")
    monkeypatch.setenv("TFMATRIX_SCRATCH", str(tmp_path / "cells"))
    scratch = Scratch()
    scratch.make_anew()
    assert scratch.is_in_place()
    (tmp_path / "cells").rename(tmp_path / "moved")
    (tmp_path / "cells").symlink_to(precious)
    assert not scratch.is_in_place()
    with pytest.raises(HostGone):
        scratch.make_anew()
    scratch.discard()
    scratch.remove()
    assert sorted(path.name for path in precious.iterdir()) == ["file", "scratch"]
    assert not (tmp_path / "cells").is_symlink()
