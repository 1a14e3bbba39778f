"""Snapshots: which files are copied, when two are the same, and that a copy never changes."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from runner.cells import snapshot
from runner.cells.snapshot import needs
from runner.cells.snapshot.sources import Import, find_mentions
from runner.errors import TfmatrixError, UsageError
from runner.model import Repro


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "repro").mkdir()
    return tmp_path / "repro"


def write(folder: Path, **files: str) -> None:
    """`a__b_py="…"` writes a/b.py."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def repro(folder: Path, *files: str) -> Repro:
    return Repro(name="mine", script=folder / "my.py", files=tuple(map(Path, files)))


def needed(folder: Path, *files: str) -> set[str]:
    return set(needs.needs_of(repro(folder, *files)).files) - {"my.py"}


# --- Which files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("import near", {"near.py"}),
        ("import near as n, os", {"near.py"}),
        ("from near import x", {"near.py"}),
        (
            "if False:\n  def f():\n    try:\n      import near\n    except ImportError: pass",
            {"near.py"},
        ),
        ("import importlib\nimportlib.import_module('near')", {"near.py"}),
        ("__import__('near')", {"near.py"}),
        ("import chain", {"chain.py", "near.py"}),
        ("import package.one", {"package/__init__.py", "package/one.py", "package/data.csv"}),
        ("from package import two", {"package/__init__.py", "package/one.py", "package/data.csv"}),
        ("from bare.inner import leaf", {"bare/inner/leaf.py"}),
        ("import bare.inner.leaf", {"bare/inner/leaf.py"}),
        ("import bare", set()),
        ("import tensorflow, json", set()),
        ("import compiled", {"compiled.cpython-310-x86_64-linux-gnu.so"}),
        ("x = 'near'", set()),
    ],
)
def test_local_modules_are_found_as_python_would(
    script: str, found: set[str], folder: Path
) -> None:
    write(
        folder,
        my_py=script,
        near_py="",
        chain_py="import near",
        package____init___py="",
        bare__inner__leaf_py="",
        unrelated_py="",
    )
    (folder / "package").mkdir(exist_ok=True)
    for name in ("__init__.py", "one.py", "data.csv", ".hidden", "one.pyc"):
        (folder / "package" / name).write_text("")
    (folder / "package" / "__pycache__").mkdir()
    (folder / "package" / "__pycache__" / "one.pyc").write_text("")
    (folder / "compiled.cpython-310-x86_64-linux-gnu.so").write_text("")
    assert needed(folder) == found


def test_relative_imports_within_a_folder(folder: Path) -> None:
    write(
        folder,
        my_py="from bare import one",
        bare__one_py="from .two import x\nfrom . import three\nfrom .. import four",
        bare__two_py="",
        bare__three_py="",
        four_py="",
        two_py="",
    )
    assert needed(folder) == {"bare/one.py", "bare/two.py", "bare/three.py", "four.py"}


@pytest.mark.parametrize(
    "expression",
    [
        "open('data/a.csv')",
        "HERE / 'data/a.csv'",
        "HERE / 'data' / 'a.csv'",
        "HERE.joinpath('data', 'a.csv')",
        "os.path.join(HERE, 'data', 'a.csv')",
        "f'{HERE}/data/a.csv'",
        "HERE + '/data/a.csv'",
        "'./data//a.csv'",
    ],
)
def test_files_named_in_literals(expression: str, folder: Path) -> None:
    write(folder, my_py=f"x = {expression}", data__a_csv="1", data__b_csv="2")
    assert needed(folder) == {"data/a.csv"}


@pytest.mark.parametrize(
    "text", ["data", ".", "", "..", "/etc/passwd", "x" * 5000, "a\\0b", "no.csv"]
)
def test_other_literals_are_no_files(text: str, folder: Path) -> None:
    write(folder, my_py=f'x = "{text}"', data__a_csv="1")
    assert needed(folder) == set()


def test_a_literal_that_leads_above_the_folder_is_no_file(folder: Path) -> None:
    (folder.parent / "secret.csv").write_text("")
    write(folder, my_py="open('../secret.csv'); open('a/../../secret.csv')")
    assert needed(folder) == set()


def test_a_script_started_by_the_script_brings_its_modules(folder: Path) -> None:
    write(folder, my_py="run([python, 'worker.py'])", worker_py="import near", near_py="")
    assert needed(folder) == {"worker.py", "near.py"}


def test_declared_files_and_folders_take_the_place_of_found_ones(folder: Path) -> None:
    write(folder, my_py="open('x.csv'); import near", x_csv="", y_csv="", near_py="", d__z_csv="")
    assert needed(folder, "y.csv", "d") == {"near.py", "y.csv", "d/z.csv"}


def test_a_declared_file_that_is_missing_is_named(folder: Path) -> None:
    write(folder, my_py="")
    with pytest.raises(UsageError, match=r"no y\.csv"):
        needed(folder, "y.csv")


def test_a_script_that_this_python_cannot_parse_is_read_by_line(folder: Path) -> None:
    old = (
        "print 'hello'\nimport near, far\nfrom package import one\n  import inner\nopen('a.csv')\n"
    )
    assert find_mentions(old.encode()).imports == {
        Import("near"),
        Import("far"),
        Import("package", ("one",)),
        Import("inner"),
    }
    write(folder, my_py=old, near_py="", a_csv="")
    assert needed(folder) == {"near.py", "a.csv"}


@pytest.mark.parametrize(
    "source",
    [b"", b"\x00", b"\xff\xfe", b"(" * 10_000, b"# coding: latin-1\nx='\xe9'", b"-" * 10**5],
)
def test_any_bytes_can_be_scanned(source: bytes) -> None:
    find_mentions(source)


def test_too_much_is_refused_with_the_remedy(folder: Path) -> None:
    write(folder, my_py="open('huge.csv')")
    with (folder / "huge.csv").open("wb") as file:
        file.truncate(needs.MOST_BYTES + 1)  # a hole: takes no disk
    with pytest.raises(UsageError, match=r"64 MiB(.|\n)*`files:`"):
        needed(folder)
    assert needed(folder, "huge.csv") == {"huge.csv"}


# --- Links and other files -------------------------------------------------------------------


def test_a_link_inside_the_folder_is_copied_as_what_it_leads_to(folder: Path) -> None:
    write(folder, my_py="import near", real__far_py="x = 1")
    (folder / "near.py").symlink_to("real/far.py")
    taken = snapshot.take_snapshot(repro(folder), folder.parent / "snapshots")
    copy = taken.workspace.folder / "near.py"
    assert copy.read_text() == "x = 1"
    assert not copy.is_symlink()


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    write(folder, my_py="import near")
    write(folder.parent, secret_py="")
    (folder / "near.py").symlink_to("../secret.py")
    with pytest.raises(UsageError, match=r"near\.py is a link out of"):
        snapshot.snapshot_digest(repro(folder))


def test_links_in_a_circle_and_into_nothing_do_no_harm(folder: Path) -> None:
    write(folder, my_py="import package")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "again").symlink_to("..", target_is_directory=True)
    (folder / "package" / "self").symlink_to("self")
    (folder / "package" / "gone").symlink_to("nowhere")
    with pytest.raises(UsageError, match="link out of"):
        needed(folder)
    (folder / "package" / "again").unlink()
    (folder / "package" / "again").symlink_to(".", target_is_directory=True)
    assert needed(folder) == {"package/__init__.py"}


def test_a_linked_script_has_its_neighbours_where_it_really_lies(folder: Path) -> None:
    write(folder, my_py="import near", near_py="")
    link = folder.parent / "link.py"
    link.symlink_to(folder / "my.py")
    taken = snapshot.take_snapshot(Repro(name="mine", script=link), folder.parent / "snapshots")
    assert taken.workspace.script == "my.py"
    assert taken.files == ("my.py", "near.py")


@pytest.mark.timeout(20)
def test_a_pipe_is_never_read(folder: Path) -> None:
    write(folder, my_py="open('pipe'); import package")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "package" / "pipe")
    assert needed(folder) == {"package/__init__.py"}


def test_a_missing_script_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no script .*my\.py"):
        snapshot.snapshot_digest(repro(folder))


# --- Digests ---------------------------------------------------------------------------------


def test_touching_changes_nothing_and_editing_does(folder: Path) -> None:
    write(folder, my_py="import near", near_py="x = 1")
    before = snapshot.snapshot_digest(repro(folder))
    os.utime(folder / "near.py", (1, 1))
    write(folder, unrelated_py="x")
    assert snapshot.snapshot_digest(repro(folder)) == before
    write(folder, near_py="x = 2")
    assert snapshot.snapshot_digest(repro(folder)) != before


def test_the_executable_bit_counts_and_other_modes_do_not(folder: Path) -> None:
    write(folder, my_py="")
    digests = []
    for mode in (0o644, 0o600, 0o755):
        (folder / "my.py").chmod(mode)
        digests.append(snapshot.snapshot_digest(repro(folder)))
    assert digests[0] == digests[1] != digests[2]


def test_names_count_and_the_place_of_the_folder_does_not(tmp_path: Path) -> None:
    for place in ("one", "two"):
        write(tmp_path / place, my_py="open('a.csv'); open('b.csv')", a_csv="x")
    digests = [snapshot.snapshot_digest(repro(tmp_path / place)) for place in ("one", "two")]
    assert digests[0] == digests[1]
    (tmp_path / "two" / "a.csv").rename(tmp_path / "two" / "b.csv")
    assert snapshot.snapshot_digest(repro(tmp_path / "two")) != digests[0]


# --- Taking ----------------------------------------------------------------------------------


def test_a_snapshot_is_a_protected_copy_named_by_its_digest(folder: Path, tmp_path: Path) -> None:
    write(folder, my_py="open('tool'); import package.one", package__one_py="x = 1")
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o700)
    taken = snapshot.take_snapshot(repro(folder), tmp_path / "snapshots")
    place = taken.workspace.folder
    assert place == tmp_path / "snapshots" / snapshot.snapshot_digest(repro(folder))
    assert taken.files == ("my.py", "package/one.py", "tool")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [place, *place.rglob("*")]}
    assert modes == {
        place: 0o555,
        place / "my.py": 0o444,
        place / "package": 0o555,
        place / "package" / "one.py": 0o444,
        place / "tool": 0o555,
    }
    write(folder, my_py="changed")
    assert (place / "my.py").read_text().startswith("open(")


def test_an_unchanged_script_gets_the_same_snapshot_marked_as_used(
    folder: Path, tmp_path: Path
) -> None:
    write(folder, my_py="x")
    first = snapshot.take_snapshot(repro(folder), tmp_path / "snapshots")
    inode = (first.workspace.folder / "my.py").stat().st_ino
    os.utime(first.workspace.folder, (0, 0))
    assert snapshot.take_snapshot(repro(folder), tmp_path / "snapshots") == first
    assert (first.workspace.folder / "my.py").stat().st_ino == inode
    assert first.workspace.folder.stat().st_mtime > 0
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [first.digest]


@pytest.mark.parametrize("harm", ["edit", "add", "remove", "pipe"])
def test_a_damaged_snapshot_is_made_again(harm: str, folder: Path, tmp_path: Path) -> None:
    write(folder, my_py="import near", near_py="x = 1")
    first = snapshot.take_snapshot(repro(folder), tmp_path / "snapshots")
    place = first.workspace.folder
    place.chmod(0o755)
    if harm == "edit":
        (place / "near.py").chmod(0o644)
        (place / "near.py").write_text("x = 2")
    elif harm == "add":
        (place / "json.py").write_text("")
    elif harm == "remove":
        (place / "near.py").unlink()
    else:
        os.mkfifo(place / "pipe")
    assert snapshot.take_snapshot(repro(folder), tmp_path / "snapshots") == first
    assert sorted(path.name for path in place.iterdir()) == ["my.py", "near.py"]
    assert (place / "near.py").read_text() == "x = 1"
    assert len(list((tmp_path / "snapshots").iterdir())) == 1


def _take(script: Path, place: Path) -> str:
    return snapshot.take_snapshot(Repro(name="mine", script=script), place).digest


def test_many_processes_at_once_make_one_snapshot(folder: Path, tmp_path: Path) -> None:
    write(folder, my_py="import near", near_py="x" * 10**6)
    with ProcessPoolExecutor(4) as pool:
        futures = [pool.submit(_take, folder / "my.py", tmp_path / "s") for _ in range(24)]
        digests = {future.result() for future in futures}
    assert len(digests) == 1
    assert [path.name for path in (tmp_path / "s").iterdir()] == list(digests)


def test_a_folder_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    write(folder, my_py="")
    (tmp_path / "s").write_text("a file")
    with pytest.raises(TfmatrixError, match="no snapshot of mine can be made in"):
        snapshot.take_snapshot(repro(folder), tmp_path / "s")
