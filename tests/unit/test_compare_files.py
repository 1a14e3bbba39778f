"""`tfmatrix diff` and the files that cells left in `out/`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest
from attrs import evolve

from runner import cli
from runner.model import Result, Verdict
from runner.runs import compare_files, journal
from tests.unit.test_compare import result, run
from tests.unit.test_contents import npy

Write = Callable[..., None]
AGREES = "1 cell agrees in outcome and signature, 0 differ"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a run whose cells left files."""
    monkeypatch.chdir(tmp_path)

    def write_(name: str, *cells: tuple[Result, Mapping[str, bytes]]) -> None:
        log = journal.Journal(tmp_path / name, run())
        for cell, files in cells:
            log.append(log.keep_files(cell, files) if files else cell, "")
        log.close()

    return write_


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    assert cli.execute(["diff", *arguments]) == code
    return capsys.readouterr().out.splitlines()


PASSED = result("a", Verdict.PASS)


def test_each_file_that_differs_is_told_with_what_differs_first(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {
        "same": b"1",
        "log.txt": b"a\nb\n",
        "history.json": b'{"loss": [0.5, 0.4]}',
        "w.npy": npy([0.5, 1, 2], (3,)),
        "close.npy": npy([0.5], (1,)),
        "model.h5": b"\xff1",
        "gone": b"12",
    }
    after = {
        "same": b"1",
        "log.txt": b"a\nc\n",
        "history.json": b'{"loss": [0.5, 0.3]}',
        "w.npy": npy([0.5, 1.5, 3], (3,)),
        "close.npy": npy([0.50001], (1,)),
        "model.h5": b"\xff22",
        "new": b"",
    }
    write("old", (PASSED, before))
    write("new", (PASSED, after))
    lines = told(capsys, "old", "new")
    assert [re.sub(r"\([0-9a-f]{12}\)", "(…)", line) for line in lines] == [
        "files in out/ that differ:",
        "  r/a on 2.9.3 cpu: gone: 2 bytes (…) → not there",
        "  r/a on 2.9.3 cpu: history.json: loss[1]: 0.4 → 0.3",
        '  r/a on 2.9.3 cpu: log.txt: line 2: "b" → "c"',
        "  r/a on 2.9.3 cpu: model.h5: 2 bytes (…) → 3 bytes (…)",
        "  r/a on 2.9.3 cpu: new: not there → 0 bytes (…)",
        "  r/a on 2.9.3 cpu: w.npy: 2 of 3 values differ, first [1]: 1.0 → 1.5",
        "1 file in out/ is equal, 1 within the tolerance, 6 differ",
        AGREES,
    ]
    assert "close.npy" in "".join(told(capsys, "old", "new", "--tolerance", "1e-9"))


def test_files_count_for_the_exit_code_only_when_asked_for(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", (PASSED, {"a": b"1"}))
    write("new", (PASSED, {"a": b"2"}))
    told(capsys, "old", "new", code=0)
    told(capsys, "old", "new", "--files", code=1)
    assert told(capsys, "old", "old", "--files") == [
        "1 file in out/ is equal, 0 differ",
        AGREES,
    ]


def test_a_good_and_a_bad_release_of_one_run(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    good = evolve(PASSED, tensorflow="2.15.1", environment="good")
    bad = result("a", Verdict.FAIL, "X", tf="2.16.2")
    write("results/latest", (good, {"a": b"1"}), (bad, {"a": b"2"}))
    assert told(capsys, "2.15", "2.16", code=1) == [
        "changed:",
        "  r/a on 2.15.1 → 2.16.2 cpu: pass → fail (X)",
        "files in out/ that differ:",
        '  r/a on 2.15.1 → 2.16.2 cpu: a: line 1: "1" → "2"',
        "0 files in out/ are equal, 1 differ",
        "0 cells agree in outcome and signature, 1 differ",
    ]


def test_cells_that_were_not_judged_or_that_one_run_lacks_are_not_compared(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = result("lost", Verdict.ERROR)
    write("old", (PASSED, {}), (lost, {"a": b"1"}), (result("old", Verdict.PASS), {"a": b"1"}))
    write("new", (PASSED, {}), (lost, {"a": b"2"}))
    assert not [line for line in told(capsys, "old", "new", code=1) if "out/" in line]


def test_files_that_are_gone_or_were_changed_are_compared_by_their_hash(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", (PASSED, {"a": b"1", "b": b"1"}))
    write("new", (PASSED, {"a": b"2", "b": b"2"}))
    (folder,) = (tmp_path / "old" / "out").iterdir()
    (folder / "a").unlink()
    (folder / "b").write_bytes(b"3")
    lines = told(capsys, "old", "new")
    assert [line.split(": ", 2)[2].replace("(", "").split(" ")[:2] for line in lines[1:3]] == [
        ["1", "bytes"],
        ["1", "bytes"],
    ]


def test_a_link_in_the_place_of_a_file_is_not_followed(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_bytes(b"1")
    write("old", (PASSED, {"a": b"1"}))
    write("new", (PASSED, {"a": b"2"}))
    (folder,) = (tmp_path / "old" / "out").iterdir()
    (folder / "a").unlink()
    (folder / "a").symlink_to(tmp_path / "secret")
    assert "1 bytes" in told(capsys, "old", "new")[1]


def test_what_could_not_be_kept_is_not_said_to_be_missing(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    partly = evolve(PASSED, notes=("not kept of out/: more than 64 MiB, with a",))
    write("old", (PASSED, {"a": b"1"}))
    write("new", (partly, {}))
    assert told(capsys, "old", "new")[1].endswith(
        " → not there (of this cell, not all files were kept)"
    )


def test_the_text_is_bounded_and_names_are_inert(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", (PASSED, {f"##[{n}": b"1" for n in range(120)}))
    write("new", (PASSED, {f"##[{n}": b"2" for n in range(120)}))
    lines = told(capsys, "old", "new")
    assert len(lines) == 104
    assert lines[-3] == "  and 20 more; --format json names all"
    assert not [line for line in lines if "##[" in line]


def test_much_is_compared_by_hash_alone(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_files, "MOST_COMPARED", 3)
    write("old", (PASSED, {"a": b"11", "b": b"11", "c": b"11"}))
    write("new", (PASSED, {"a": b"12", "b": b"12", "c": b"12"}))
    lines = told(capsys, "old", "new")
    assert "line 1" in lines[1]
    assert "line 1" not in lines[2] + lines[3]


def test_long_lines_are_shown_from_where_they_differ(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", (PASSED, {"a": b"x" * 5000 + b"1"}))
    write("new", (PASSED, {"a": b"x" * 5000 + b"2"}))
    assert told(capsys, "old", "new")[1].endswith('a: line 1: "…xxxxxxxxxxxx1" → "…xxxxxxxxxxxx2"')


def test_the_json_document_has_every_file(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write("old", (PASSED, {"a": b"1", "b": b"x" * 5000, "c": b"\xff"}))
    write("new", (PASSED, {"a": b"1", "b": b"y", "c": b"\xff\xff", "d": b""}))
    document: dict[str, Any] = json.loads("\n".join(told(capsys, "old", "new", "--format", "json")))
    assert (document["equal_files"], document["close_files"]) == (1, 0)
    b, c, d = document["files"]
    assert {name: b[name] for name in ("name", "kind", "tensorflow", "incomplete")} == {
        "name": "b",
        "kind": "changed",
        "tensorflow": "2.9.3",
        "incomplete": False,
    }
    assert b["before"]["path"].startswith("out/r__a__")
    assert b["before"]["size"] == 5000
    assert len(b["difference"]["before"]) == 2000
    assert (b["difference"]["place"], b["difference"]["after"]) == ("line 1", "y")
    assert c["difference"] is None
    assert (d["kind"], d["before"], d["after"]["size"]) == ("came", None, 0)
