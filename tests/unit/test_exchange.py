"""Files that one release saves and another loads: how they are told, checked, added and judged."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import evolve

from runner import cli, grid
from runner.cells import snapshot
from runner.cells.exchange.saved import Saved, read_saved
from runner.cells.exchange.unsaved import with_unsaved
from runner.cells.snapshot.handed_on import hand_on
from runner.cells.snapshot.record import Snapshot
from runner.errors import TfmatrixError
from runner.grid import folded
from runner.model import Execution, Repro, Run, Verdict
from runner.pins.upgrades import find_upgrades, upgrades_text
from runner.releases import catalogue
from runner.report.answer import answer
from runner.report.names import table_names
from runner.runs import journal
from tests.unit import runs

FILES = {"model/weights.bin": bytes(range(256)) * 900, "empty": b"", "a b": b"x"}


def packed(files: Mapping[str, bytes]) -> dict[str, str]:
    """As an execution has them."""
    return {
        name: base64.b85encode(zlib.compress(content)).decode() for name, content in files.items()
    }


def read(files: Mapping[str, bytes], **facts: object) -> Saved:
    given = {"exit_code": 0, "files": packed(files), "imported": True, **facts}
    return read_saved(Execution(**given), "load.py")  # type: ignore[arg-type]


def test_what_a_script_left_is_what_was_saved() -> None:
    found = read(FILES)
    assert (found.files, found.why_not) == (FILES, "")


@pytest.mark.parametrize("name", ["numpy.py", "tensorflow/x.so", "h5py.pyd", "numpy.pyc"])
def test_a_program_is_refused(name: str) -> None:
    found = read({"a": b"", name: b""})
    assert found.files == {}
    assert found.why_not == f"it left {name}, which is a program: only data is handed on"


@pytest.mark.parametrize(
    ("left_out", "why"),
    [
        (("a, which is no plain file",), "it left a, which is no plain file"),
        (("more than 64 MiB, with b", "2 more"), "it left more than 64 MiB, with b"),
    ],
)
def test_where_one_file_cannot_be_handed_on_none_is(left_out: tuple[str, ...], why: str) -> None:
    found = read(FILES, left_out=left_out)
    assert (found.files, found.why_not, found.measured) == ({}, why, True)


def test_a_script_that_leaves_nothing() -> None:
    assert read({}).why_not == "it left no file"


def test_a_release_that_fails_to_save_was_measured_and_one_that_never_ran_was_not() -> None:
    failed = read(FILES, exit_code=1, errors="Traceback (most recent call last):\nOSError: full")
    assert (failed.files, failed.why_not, failed.measured) == ({}, "OSError: full", True)
    lost = read({}, exit_code=None, trouble="the environment ended")
    assert (lost.files, lost.measured) == ({}, False)


ODD = ["-rf", "~", "$(id)", "a b", "'", "`", "%s", "{}", "名前", ".hidden", "x" * 255, "con", "a:b"]


def test_odd_names_are_names(tmp_path: Path) -> None:
    found = read({name: name.encode() for name in ODD})
    (after,) = handed(tmp_path, found.files)
    assert {name: (after.workspace.home / name).read_text() for name in ODD} == dict(zip(ODD, ODD))


def test_a_file_with_the_name_of_the_script_that_loads_is_refused() -> None:
    found = read({"a": b"", "load.py/a": b""})
    assert found.files == {}
    assert found.why_not == "it left load.py, which is the name of the script that loads"


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


MISSED = {
    "python": "FileNotFoundError: [Errno 2] No such file or directory: 'modell'",
    "h5py": "OSError: Unable to open file (unable to open file: name = 'modell', errno = 2, error "
    "message = 'No such file or directory', flags = 0, o_flags = 0)",
    "keras": "OSError: No file or directory found at modell",
    "a SavedModel": "OSError: SavedModel file does not exist at: modell/{saved_model.pbtxt|saved}",
    "Keras 3": "ValueError: File not found: filepath=modell. Please ensure the file is an "
    "accessible `.keras` zip file.",
}


def loaded(folder: Path, message: str, script: str, saved: str, exit_code: int = 1) -> Execution:
    """A cell that ended with `message` beside the file `saved`."""
    said = f"Traceback (most recent call last):\n{message}\n"
    (folder / "load.py").write_text(script, "utf-8")
    repro = Repro(name="load", script=folder / "load.py")
    before = snapshot.take_snapshot(repro, folder / "snapshots")
    (after,) = hand_on(before, {"x": {saved: b"1"}}, folder / "snapshots").values()
    return with_unsaved(Execution(exit_code=exit_code, errors=said, output=said), after)


@pytest.mark.parametrize("message", MISSED.values(), ids=MISSED)
def test_a_name_that_no_saved_file_has_is_no_failure_to_load(tmp_path: Path, message: str) -> None:
    found = loaded(tmp_path, message, "load('./modell')", "model")
    assert found.trouble == "needs modell, which was not saved: there is model"


@pytest.mark.parametrize("message", MISSED.values(), ids=MISSED)
def test_a_name_that_tensorflow_makes_of_another_is_evidence(tmp_path: Path, message: str) -> None:
    assert loaded(tmp_path, message, "load('mod' + end)", "model").trouble is None
    assert loaded(tmp_path, message, "load('modell')", "modell.index").trouble is None
    assert loaded(tmp_path, message, "load('modell')", "modell/saved_model.pb").trouble is None
    assert loaded(tmp_path, message, "load('modell')", "model", exit_code=125).trouble is None


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
