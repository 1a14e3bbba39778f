"""Files that one release saves and another loads: how they are told, checked, added and judged."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

import pytest
from attrs import evolve

from runner import cli, grid, paths
from runner.cells import snapshot
from runner.cells.exchange import saved
from runner.cells.exchange import tfmatrix_saver as saver
from runner.cells.exchange.looks import Looks
from runner.cells.exchange.saved import Saved, read_saved
from runner.cells.snapshot.handed_on import hand_on
from runner.cells.snapshot.record import Snapshot
from runner.errors import TfmatrixError
from runner.grid import folded
from runner.model import Execution, Reads, Repro, Run, Verdict
from runner.pins.upgrades import find_upgrades, upgrades_text
from runner.releases import catalogue
from runner.report.answer import answer
from runner.report.names import table_names
from runner.runs import journal
from tests.unit import runs

FILES = {"model/weights.bin": bytes(range(256)) * 900, "empty": b"", "a b": b"x"}


def lines(files: Mapping[str, bytes], **more: object) -> list[str]:
    """As the saver tells them."""
    told: list[dict[str, object]] = []
    for name, content in files.items():
        text = base64.b85encode(zlib.compress(content)).decode()
        told += [{"file": name, "data": text[at : at + 1000]} for at in range(0, len(text), 1000)]
    last = {"files": len(files), "sha256": saved.digest(files), **more}
    return [json.dumps(line) for line in [*told, last]]


def read(*tests: str, **facts: object) -> Saved:
    execution = Execution(**{"exit_code": 0, "tests": tests, "imported": True, **facts})  # type: ignore[arg-type]
    return read_saved(execution, "load.py")


def test_what_was_told_is_what_was_saved() -> None:
    found = read(*lines(FILES))
    assert (found.files, found.why_not) == (FILES, "")


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../../x", "", ".", "a//b", "./a", "a\nb", "x" * 501, "a/", "\x00", "é" * 200],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    found = read(*lines({name: b"x"}))
    assert found.files == {}
    assert found.why_not.startswith("it left a file with a name that leads elsewhere: ")


@pytest.mark.parametrize("name", ["numpy.py", "tensorflow/x.so", "h5py.pyd", "numpy.pyc"])
def test_a_program_is_refused(name: str) -> None:
    assert read(*lines({name: b""})).why_not == (
        f"it left {name}, which is a program: only data is handed on"
    )


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ([], "it ended before its files could be taken"),
        (lines(FILES)[:-1], "it ended before its files could be taken"),
        (lines(FILES, sha256="0" * 64), "its files arrived damaged"),
        ([lines(FILES)[0], *lines(FILES)[2:]], "its files arrived damaged"),
        (lines(FILES)[1:], "model/weights.bin arrived damaged: "),
        ([*lines(FILES)[:-1], '{"refused": "it left a pipe"}'], "it left a pipe"),
        (['{"file": 3, "data": ""}', *lines({})], "it left a file with a name that leads elsewh"),
        (['{"file": "a", "data": "é"}', *lines({})], "string argument should contain only ASCII"),
        (['{"file": "a", "data": "0000000000"}', *lines({})], "a arrived damaged: "),
        (["[" * 5000, "no JSON", "[]"], "it ended before its files could be taken"),
        (lines({str(n): b"" for n in range(1001)}), "its files arrived damaged"),
        (lines({}), "it left no file"),
        (lines({"a": b"", "a/b/c": b""}), "it left a file that lies in another file"),
        (lines({"load.py/a": b""}), "it left load.py, which is the name of the script that loads"),
    ],
)
def test_of_anything_odd_nothing_is_used(tests: list[str], why: str) -> None:
    found = read(*tests)
    assert found.files == {}
    assert found.why_not.startswith(why)


def test_files_that_unpack_to_more_than_the_bound() -> None:
    found = read(*lines({"a": bytes(saver.MOST_BYTES), "b": b"x"}))
    assert found.why_not == "it left more than 64 MiB"


def test_a_release_that_fails_to_save_was_measured_and_one_that_never_ran_was_not() -> None:
    failed = read(exit_code=1, errors="Traceback (most recent call last):\nOSError: full")
    assert (failed.why_not, failed.measured) == ("OSError: full", True)
    lost = read(exit_code=None, trouble="the environment ended")
    assert (lost.files, lost.measured) == ({}, False)


# --- In the cell -----------------------------------------------------------------------------


def save(folder: Path, script: str) -> tuple[Saved, str]:
    """What a script saves when the saver runs it, as in a cell; and its standard error."""
    (folder / "there.txt").write_text("was there before", "utf-8")
    (folder / "save.py").write_text(script, "utf-8")
    (folder / paths.saver().name).write_bytes(paths.saver().read_bytes())
    done = subprocess.run(
        [sys.executable, paths.saver().name, "save.py", "7"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    marked = [line for line in done.stdout.splitlines() if line.startswith("::test ")]
    told = [line.partition(" ")[2] for line in marked]
    return read(*told, exit_code=done.returncode, errors=done.stderr), done.stderr


def test_only_what_the_script_left_is_told(tmp_path: Path) -> None:
    found, _ = save(
        tmp_path,
        "import os, sys\nassert __name__ == '__main__' and sys.argv == ['save.py', '7']\n"
        "os.makedirs('a/b'); open('a/b/c', 'wb').write(b'c' * 200000)\n"
        "open('there.txt') and open('d', 'w').write('d')\n",
    )
    assert found.files == {"a/b/c": b"c" * 200000, "d": b"d"}


def test_a_script_may_leave_its_working_folder(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "mine").mkdir()
    text = "import os\nopen('a', 'w').write('a')\nos.chdir('../mine')\nopen('b', 'w').write('b')\n"
    found, _ = save(tmp_path / "cell", text)
    assert found.files == {"a": b"a"}


ODD = ["-rf", "~", "$(id)", "a b", "'", "`", "%s", "{}", "名前", ".hidden", "x" * 255, "con", "a:b"]


def test_odd_names_are_names(tmp_path: Path) -> None:
    found, _ = save(tmp_path, f"for name in {ODD!r}: open(name, 'w').write(name)\n")
    assert found.files == {name: name.encode() for name in ODD}
    (after,) = handed(tmp_path, found.files)
    assert {name: (after.workspace.home / name).read_text() for name in ODD} == dict(zip(ODD, ODD))


def test_a_file_that_was_changed_counts_as_left(tmp_path: Path) -> None:
    found, _ = save(tmp_path, "open('there.txt', 'a').write('!')")
    assert found.files == {"there.txt": b"was there before!"}


def test_an_error_looks_as_it_does_without_the_saver(tmp_path: Path) -> None:
    found, errors = save(tmp_path, "def f():\n    raise KeyError('x')\nf()\n")
    assert found.why_not == "KeyError: 'x'"
    assert paths.saver().name not in errors
    assert errors.splitlines()[1].endswith('save.py", line 3, in <module>')


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("os.symlink('/etc/passwd', 'a')", "it left a, which is no plain file"),
        ("os.symlink('/', 'a')", "it left a, which is no plain file"),
        ("os.mkfifo('a')", "it left a, which is no plain file"),
        ("import socket; socket.socket(socket.AF_UNIX).bind('a')", "it left a, which is no plain"),
        ("open('a', 'wb').truncate(1 << 40)", "it left more than 64 MiB"),
        ("open('a', 'wb').write(os.urandom(3 << 20))", "it left more than 1.5 MB, compressed"),
        ("[open(str(n), 'w').close() for n in range(1001)]", "it left more than 1000 files"),
        ("os.makedirs('/'.join('a' * 20)); open('b', 'w')", "it left folders more than 16 deep"),
        ("open(b'\\xff', 'w').close()", "it left a file whose name is no text: '\\udcff'"),
        ("open('a\\nb', 'w').close()", "it left a file whose name cannot be handed on: 'a\\nb'"),
        (
            "[(os.makedirs(n), os.chdir(n)) for n in ['x' * 200] * 3]; open('a', 'w').close()",
            "it left a file whose name cannot be handed on: 'xxx",
        ),
        ("import shutil; shutil.rmtree(os.getcwd())", "its working folder is gone: "),
    ],
)
def test_what_is_no_bounded_plain_file_is_refused(tmp_path: Path, script: str, why: str) -> None:
    found, _ = save(tmp_path, f"import os\n{script}\n")
    assert found.files == {}
    assert found.why_not.startswith(why)


@pytest.mark.parametrize(
    ("reads", "looked"),
    [
        (Reads(opened=("load.py", "model/a"), listed=()), True),
        (Reads(opened=("load.py",), listed=("model",)), True),
        (Reads(opened=("load.py", "other"), listed=()), False),
        (Reads(opened=("load.py",), listed=None), False),
        (Reads(opened=None), True),
        (None, True),
    ],
)
def test_whether_a_cell_looked_at_what_was_saved(reads: Optional[Reads], looked: bool) -> None:
    looks = Looks()
    looks.add(Execution(exit_code=1, reads=reads), ["model/a"])
    assert not looks.none, "a failure is told anyway"
    looks.add(Execution(exit_code=0, reads=reads), ["model/a"])
    assert looks.none is not looked


# --- Handed on -------------------------------------------------------------------------------


def taken(folder: Path) -> Snapshot:
    (folder / "load.py").write_text("print('loads')", "utf-8")
    (folder / "data.txt").write_text("own", "utf-8")
    repro = Repro(name="load", script=folder / "load.py")
    return snapshot.take_snapshot(repro, folder / "snapshots")


def handed(folder: Path, *sets: Mapping[str, bytes]) -> list[Snapshot]:
    saved = {str(number): files for number, files in enumerate(sets)}
    return [*hand_on(taken(folder), saved, folder / "snapshots").values()]


def test_saved_files_lie_beside_the_script_read_only(tmp_path: Path) -> None:
    (after,) = handed(tmp_path, {"model/a": b"1", "data.txt": b"2"})
    there = after.workspace.home
    assert (there / "model/a").read_bytes() == b"1"
    assert (there / "data.txt").read_bytes() == b"2"
    assert (there / "load.py").read_text("utf-8") == "print('loads')"
    assert (there / "model/a").stat().st_mode & 0o777 == 0o444
    assert (taken(tmp_path).workspace.home / "data.txt").read_text("utf-8") == "own"
    assert {"model/a", "data.txt", "load.py"} <= after.needed


def test_the_key_of_a_cell_follows_the_saved_files(tmp_path: Path) -> None:
    sets = ({"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"1"})
    digests = [one.text_digest for one in handed(tmp_path, *sets)]
    assert digests[0] == digests[3]
    assert len({taken(tmp_path).text_digest, *digests}) == 4
    (alone,) = handed(tmp_path, {"a": b"1"})
    assert alone.text_digest == digests[0], "not what others saved"


def test_the_copies_lie_in_one_folder_and_say_whose_script_it_is(tmp_path: Path) -> None:
    one, other, again = handed(tmp_path, {"a": b"1"}, {"a": b"2"}, {"a": b"1"})
    assert one.workspace.folder == other.workspace.folder
    assert one.workspace.place != other.workspace.place
    assert one == again
    assert one.own_digest == other.own_digest == taken(tmp_path).digest
    assert one.digest != other.digest


def test_a_saved_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "old").write_text("own", "utf-8")
    (after,) = handed(tmp_path, {"weights": b"1", "data.txt/deep/model": b"2"})
    there = after.workspace.home
    assert (there / "weights").read_bytes() == b"1"
    assert (there / "data.txt/deep/model").read_bytes() == b"2"
    assert set(after.files) == {"load.py", "weights", "data.txt/deep/model"}
    assert after.needed <= {*after.files}


def test_no_room_for_what_was_saved_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    before = taken(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(TfmatrixError, match=r"cannot be copied to .*: No space left on device"):
        hand_on(before, {"x": {"a": b"1"}}, tmp_path / "snapshots")


# --- In words --------------------------------------------------------------------------------

FAILURES: dict[str, runs.Failure] = {
    "A": (Verdict.FAIL, "TypeError: no"),
    "B": (Verdict.FAIL, "KeyError: 'x'"),
    "C": (Verdict.CRASH, "SIGSEGV"),
}


def square(picture: str) -> Run:
    return runs.square(picture, FAILURES)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (
            "2.14 2.15 2.16 2.17\n2.14 ✓ ✓ A A\n2.15 ✓ ✓ A A\n2.16 ✓ ✓ ✓ ✓\n2.17 ✓ ✓ ✓ ✓",
            "2.16 and newer cannot load what 2.15 and older saved as .h5 (TypeError: no);"
            " 12 of 16 pairs load.",
        ),
        (
            "2.14 2.15 2.16\n2.14 ✓ ✓ A\n2.15 ✓ ✓ B\n2.16 B ✓ A",
            "2.16 cannot load what any release saved as .h5 (TypeError: no, or 1 other failure);"
            " 2.14 cannot load what 2.16 saved (KeyError: 'x'); 5 of 9 pairs load.",
        ),
        ("2.14 2.15\n2.14 ✓ ✓\n2.15 ✓ ✓", "Every release loads what each saved as .h5."),
        (
            "2.14 2.15\n2.14 C C\n2.15 C C",
            "No release can load what any release saved as .h5 (SIGSEGV); none of 4 pairs load.",
        ),
        (
            "2.14 2.15 2.16\n2.14 – – –\n2.15 – – –\n2.16 A ✓ !",
            "2.14 cannot load what 2.16 saved as .h5 (TypeError: no); 1 of 2 pairs load; nothing"
            " that 2.15 and older saved could be judged (tf.function came with TensorFlow 1.14);"
            " 1 pair could not be judged.",
        ),
        (
            "2.14 2.15\n2.14 – –\n2.15 ✓ ✓",
            "Each release that could be judged loads what each saved as .h5; nothing that 2.14"
            " saved could be judged (tf.function came with TensorFlow 1.14).",
        ),
        (
            "2.1 2.2 2.3 2.4 2.5 2.6\n2.1 A ✓ ✓ ✓ ✓ ✓\n2.2 A A ✓ ✓ ✓ ✓\n2.3 A A A ✓ ✓ ✓\n"
            "2.4 A A A A ✓ ✓\n2.5 A A A A A ✓\n2.6 A A A A A A",
            "2.1 cannot load what any release saved as .h5 (TypeError: no); 2.2 cannot load what"
            " 2.2 and newer saved (TypeError: no); 2.3 cannot load what 2.3 and newer saved"
            " (TypeError: no); 2.4 cannot load what 2.4 and newer saved (TypeError: no); 3 other"
            " pairs fail; 15 of 36 pairs load.",
        ),
    ],
)
def test_the_sentence(picture: str, said: str) -> None:
    assert answer(grid.build_grid(square(picture))) == said


def test_rows_say_who_saved_in_ranges() -> None:
    run = square("2.13 2.14 2.15 2.16\n2.13 ✓ ✓ ✓ A\n2.14 ✓ ✓ ✓ A\n2.15 A ✓ ✓ ✓\n2.16 ✓ ✓ ✓ A")
    (table,) = folded.tables(grid.build_grid(run))
    assert table_names(table).labels(table) == ["saved by 2.13–2.14, 2.16 (3)", "saved by 2.15.0"]
    (whole,) = folded.tables(grid.build_grid(run), folded=False)
    assert table_names(whole).labels(whole) == [
        f"saved by 2.{minor}.0" for minor in (13, 14, 15, 16)
    ]


def test_a_case_of_another_run_with_such_a_name_is_a_case_like_any_other() -> None:
    run = square("2.14 2.15\n2.14 ✓ A\n2.15 ✓ A")
    (repro,) = run.repros
    plain = evolve(run, repros=(evolve(repro, saved_by=""),))
    assert answer(grid.build_grid(plain)) == (
        "Both cases fail on 2.15 (TypeError: no), pass on 2.14."
    )


# --- Upgrades --------------------------------------------------------------------------------

KNOWN = [release.version for release in catalogue.load_releases()]


NEWEST = {"2.14": "2.14.1", "2.15": "2.15.1", "2.16": "2.16.2", "2.17": "2.17.1"}


def on_patches(picture: str) -> Run:
    """The square of the series' newest patch releases."""
    return square("".join(NEWEST.get(word, word) for word in re.split("( |\n)", picture)))


def upgrades(picture: str) -> list[tuple[str, str, str, str]]:
    (found,) = find_upgrades(grid.build_grid(on_patches(picture)), KNOWN)
    return [(s.requirement.requirement, s.breaks, s.saver, s.signature) for s in found.stretches]


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (
            "2.14 2.15 2.16 2.17\n2.14 ✓ ✓ A A\n2.15 ✓ ✓ A A\n2.16 ✓ ✓ ✓ ✓\n2.17 ✓ ✓ ✓ ✓",
            [
                ("tensorflow>=2.14.1,<2.16", "2.16.2", "2.15.1", "TypeError: no"),
                ("tensorflow>=2.16.2,<2.18", "", "", ""),
            ],
        ),
        (  # What the newest cannot load of the oldest, it may load of the others.
            "2.14 2.15 2.16\n2.14 ✓ ✓ B\n2.15 A ✓ ✓\n2.16 A A ✓",
            [
                ("tensorflow>=2.14.1,<2.16", "2.16.2", "2.14.1", "KeyError: 'x'"),
                ("tensorflow>=2.15.1,<2.17", "", "", ""),
            ],
        ),
        (  # A release that cannot load its own files ends each stretch.
            "2.14 2.15 2.16\n2.14 ✓ ✓ ✓\n2.15 ✓ A ✓\n2.16 ✓ ✓ ✓",
            [],
        ),
        (  # A cell that was not judged, or passed in some attempts only, shows nothing.
            "2.14 2.15 2.16 2.17\n2.14 ✓ ! ✓ ✓\n2.15 ✓ ✓ ✓ ✓\n2.16 ✓ ✓ ✓ ✓3/5\n2.17 ✓ ✓ ✓ ✓",
            [("tensorflow>=2.15.1,<2.17", "2.17.1", "2.16.2", "")],
        ),
        (  # A release that saves nothing in the format is no part of a stretch.
            "2.14 2.15 2.16\n2.14 – – –\n2.15 ✓ ✓ ✓\n2.16 ✓ ✓ ✓",
            [("tensorflow>=2.15.1,<2.17", "", "", "")],
        ),
        ("2.14 2.15\n2.14 – –\n2.15 – –", []),
    ],
)
def test_which_upgrades_keep_what_was_saved(
    picture: str, found: list[tuple[str, str, str, str]]
) -> None:
    assert upgrades(picture) == found


def pinned(folder: Path, monkeypatch: pytest.MonkeyPatch, run: Run, *words: str) -> int:
    monkeypatch.chdir(folder)
    log = journal.Journal(folder / "results" / "mine", run)
    for result in run.results:
        log.append(result, "")
    log.close()
    return cli.execute(["pin", "mine", "--exchange", *words])


def test_pin_says_which_upgrades_keep_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = on_patches("2.14 2.15 2.16\n2.14 ✓ ✓ A\n2.15 ✓ ✓ A\n2.16 A A ✓")
    assert pinned(tmp_path, monkeypatch, run) == 0
    assert capsys.readouterr().out == (
        "script\n  within tensorflow>=2.14.1,<2.16 an upgrade keeps what was saved loadable;"
        " 2.16.2 does not load what 2.15.1 saved (TypeError: no)\n"
    )
    assert cli.execute(["pin", "mine", "--exchange", "--format", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["upgrades"]
    assert (one["repro"], one["device"]) == ("script", "cpu")
    assert one["stretches"] == [
        {
            "requirement": "tensorflow>=2.14.1,<2.16",
            "releases": ["2.14.1", "2.15.1"],
            "breaks": "2.16.2",
            "saver": "2.15.1",
            "signature": "TypeError: no",
        }
    ]


def test_pin_where_no_upgrade_keeps_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pinned(tmp_path, monkeypatch, square("2.14 2.15\n2.14 ✓ A\n2.15 A ✓")) == 1
    assert capsys.readouterr().out == "script\n  no upgrade keeps what was saved loadable\n"


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (  # An interrupted run, or one whose cells are all errors, says nothing of upgrades.
            "2.14 2.15\n2.14 ! !\n2.15 ! !",
            "no upgrade was shown to keep what was saved loadable: 3 pairs could not be judged",
        ),
        (
            "2.14 2.15\n2.14 ✓ !\n2.15 A ✓",
            "no upgrade was shown to keep what was saved loadable: 1 pair could not be judged",
        ),
        (  # A newer release's files are no matter of an upgrade.
            "2.14 2.15\n2.14 ✓ A\n2.15 ! ✓",
            "no upgrade keeps what was saved loadable",
        ),
        (
            "2.14 2.15\n2.14 – –\n2.15 ✓ ✓",
            "no upgrade could be judged: this takes two releases that saved something",
        ),
        (
            "2.14 2.15 2.16\n2.14 ✓ ✓ !\n2.15 ✓ ✓ ✓\n2.16 ✓ ✓ A",
            "within tensorflow>=2.14.1,<2.16 an upgrade keeps what was saved loadable;"
            " 2.16.2 does not load what 2.16.2 saved (TypeError: no)",
        ),
        (
            "2.14 2.15 2.16\n2.14 ✓ ✓ !\n2.15 ✓ ✓ A\n2.16 ✓ ✓ ✓3/5",
            "within tensorflow>=2.14.1,<2.16 an upgrade keeps what was saved loadable;"
            " that 2.16.2 loads what 2.16.2 saved was not shown",
        ),
    ],
)
def test_what_was_not_judged_rules_no_upgrade_out(picture: str, said: str) -> None:
    found = find_upgrades(grid.build_grid(on_patches(picture)), KNOWN)
    assert upgrades_text(found) == f"script\n  {said}"


def test_pin_of_a_run_that_exchanged_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pinned(tmp_path, monkeypatch, runs.drawn("2.14\na ✓")) == 2
    assert "loads nothing that another release saved" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--check", "==2.9"], ["--require", "a"], ["--format", "spec"], ["--constraints", "f"]],
)
def test_pin_exchange_goes_with_no_other_question(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.execute(["pin", "--exchange", *words]) == 2
    assert "--exchange cannot be used with" in capsys.readouterr().err
