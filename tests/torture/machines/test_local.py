"""Machines that fail under the local engine: really done, through the real command line.

What holds for each: an `error` with its reason and never a `fail`, nothing measured is lost, the
message says what mends it, and once that is done the same command measures what was missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.runs import journal
from tests.torture.machines.index import other
from tests.torture.machines.killing import every_cell
from tests.torture.machines.world import NAMESPACE, Said, World, mounted, nonces, verdicts, world

many = pytest.mark.torture
"""Left to `make torture`; the others run with all tests."""
ONE = ("--tf", "2.1.0")
OF_ONE = {cell for cell in every_cell() if cell.startswith("2.1.0 ")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0:
        pytest.skip("no namespaces may be made here")
    with world(tmp_path / "world") as made:
        made.prefix = NAMESPACE
        yield made


def says(said: Said, *words: str) -> None:
    everything = said.out + said.err
    assert "Traceback (most recent call last)" not in everything, everything
    for word in words:
        assert word in everything, everything


def reasons(place: World) -> set[str]:
    return {result.outcome.reason for result in place.latest().results}


# --- The index -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("500", "500"),
        pytest.param("stalls", "timed out", marks=many),
        pytest.param("truncated", "tensorflow-cpu==2.1.0", marks=many),
        ("other bytes", "Hash mismatch"),
    ],
)
def test_an_index_that_fails(place: World, trouble: str, said: str) -> None:
    place.index.trouble = trouble
    failed = place.run(*ONE)
    assert failed.code == 3, failed
    assert verdicts(place.latest()) == dict.fromkeys(OF_ONE, "error")
    assert all(said.lower() in reason.lower() for reason in reasons(place)), reasons(place)
    assert place.index.asked < 20  # it was tried again, but not for ever
    says(failed, "3 cells could not be measured", "same command", "to fix it")
    place.index.trouble = None
    assert place.run(*ONE).code == 0
    assert verdicts(place.latest()) == dict.fromkeys(OF_ONE, "pass")


@many
def test_one_release_that_cannot_be_installed_harms_no_other(place: World) -> None:
    (name,) = [name for name in place.index.wheels if "2.2.0" in name]
    place.index.wheels[name] = other("2.2.0")
    assert place.run().code == 3
    found = verdicts(place.latest())
    assert {cell for cell, verdict in found.items() if verdict == "error"} == {
        cell for cell in every_cell() if cell.startswith("2.2.0 ")
    }
    before = nonces(place.latest())
    place.reseal("2.2.0")
    assert place.run().code == 0
    after = nonces(place.latest())
    assert all(after[cell] == before[cell] for cell in before if before[cell] is not None)


# --- The disk --------------------------------------------------------------------------------


def test_no_room_for_an_environment(place: World) -> None:
    environments = place.folder / "cache/environments"
    environments.mkdir()
    # There is room as far as can be told beforehand, but not for that many files.
    place.prefix = mounted('mount -t tmpfs -o size=8g,nr_inodes=16 none "$1"', environments)
    failed = place.run(*ONE)
    assert failed.code == 3, failed
    assert verdicts(place.latest()) == dict.fromkeys(OF_ONE, "error")
    says(failed, "No space left on device", "tfmatrix clean")
    place.prefix = NAMESPACE
    assert place.run(*ONE).code == 0


def test_no_room_for_an_environment_as_can_be_told_beforehand(place: World) -> None:
    environments = place.folder / "cache/environments"
    environments.mkdir()
    place.prefix = mounted('mount -t tmpfs -o size=64k none "$1"', environments)
    failed = place.run(*ONE)
    assert failed.code == 3, failed
    says(failed, "tfmatrix clean", "--max-disk")
    assert not list(place.results.glob("*/cells.jsonl")), "nothing was begun"
    place.prefix = NAMESPACE
    assert place.run(*ONE).code == 0


@pytest.mark.parametrize(
    "room", ["24k", *(pytest.param(room, marks=many) for room in ("72k", "120k"))]
)
def test_no_room_for_the_journal_or_the_reports(place: World, room: str) -> None:
    place.prefix = NAMESPACE
    assert place.run().code == 0
    before = nonces(place.latest())
    place.edit("to be measured again")
    kept = place.folder / "kept"
    place.prefix = mounted(
        f'mkdir -p "$2"; mount -t tmpfs -o size={room} none "$1"; '
        '(while sleep 0.2; do cp -r "$1/." "$2/" 2>/dev/null; done) &',
        place.results,
        kept,
    )
    failed = place.run()
    assert failed.code == 3, failed
    says(failed, "No space left on device", "to fix it")
    for head in kept.glob(f"2*/{journal.HEAD}"):
        journal.read_run(head.parent)
    place.prefix = NAMESPACE
    assert place.run().code == 0
    assert verdicts(place.latest()) == dict.fromkeys(every_cell(), "pass")
    assert not set(nonces(place.latest()).values()) & set(before.values())


def test_a_cache_that_cannot_be_written(place: World) -> None:
    """With the environments made already, the cells are measured, only not kept."""
    assert place.run(*ONE).code == 0
    place.edit("to be measured again")
    cache = place.folder / "cache"
    place.prefix = mounted('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', cache)
    failed = place.run(*ONE)
    says(failed, "Read-only file system", "to fix it")
    assert failed.code == 3, failed


@many
def test_a_cache_of_nothing_that_cannot_be_written(place: World) -> None:
    cache = place.folder / "cache"
    place.prefix = mounted('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', cache)
    failed = place.run(*ONE)
    says(failed, "Read-only file system", "to fix it")
    assert failed.code == 3, failed


# --- What lies there damaged -----------------------------------------------------------------


@many
def test_damaged_answers_are_measured_again(place: World) -> None:
    assert place.run().code == 0
    before = nonces(place.latest())
    entries = sorted(path for path in (place.folder / "cache/store").rglob("*") if path.is_file())
    for damage, entry in zip((b"", b"\x1f\x8b rubbish", entries[0].read_bytes()), entries[1:]):
        entry.write_bytes(damage)
    assert place.run().code == 0
    after = nonces(place.latest())
    assert len({cell for cell in after if after[cell] != before[cell]}) == 3


def test_a_damaged_line_of_a_journal_costs_that_cell(place: World) -> None:
    assert place.run().code == 0
    run = place.results / "latest"
    lines = (run / journal.CELLS).read_bytes().split(b"\n")
    lines[2] = lines[2][: len(lines[2]) // 2]
    lines[4] = b"\xff\x00[[["
    (run / journal.CELLS).write_bytes(b"\n".join(lines))
    said = place.tool("report", "latest")
    assert said.code == 0
    says(said, "cells.jsonl:3: left out", "cells.jsonl:5: left out")
    assert len(verdicts(journal.read_run(run))) == len(every_cell()) - 2


@many
def test_an_environment_whose_interpreter_is_gone_is_made_anew(place: World) -> None:
    assert place.run(*ONE).code == 0
    place.edit("to be measured again")
    for python in (place.folder / "cache/environments").glob("*/bin/python*"):
        python.unlink()
    assert place.run(*ONE).code == 0
    assert verdicts(place.latest()) == dict.fromkeys(OF_ONE, "pass")


# --- Memory, clock, company ------------------------------------------------------------------


@many
def test_no_memory_to_start_anything(place: World) -> None:
    """From a limit at which hardly anything starts to one at which all goes well."""
    found: list[str] = []
    for limit in (90_000, 130_000, 200_000, 400_000):
        place.prefix = mounted(f"ulimit -v {limit}")
        if place.tool("plan", *ONE).code == 0:
            place.edit(f"to be measured with {limit} KiB")
            said = place.run(*ONE)
            says(said)
            assert said.code in (0, 3)
            found += verdicts(place.latest()).values()
    assert set(found) == {"error", "pass"}


def test_the_clock_jumps(place: World) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    clock = place.folder / "clock"
    clock.write_text("+0\n", "utf-8")
    place.more = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    sleeping = [sys.executable, "-c", "import time; time.sleep(0.01)"]
    if subprocess.run(sleeping, env={**os.environ, **place.more}, capture_output=True).returncode:
        pytest.skip("libfaketime breaks time.sleep of this Python")
    process = place.start(*place.command())
    assert process.stderr is not None
    for line in process.stderr:
        if "[2/12]" in line:
            clock.write_text("-400d\n", "utf-8")
        if "[6/12]" in line:
            clock.write_text("+400d\n", "utf-8")
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, out + err
    run = place.latest()
    assert verdicts(run) == dict.fromkeys(every_cell(), "pass")
    assert all(0 <= result.seconds < 60 for result in run.results)
    assert place.run().code == 0
    assert nonces(place.latest()) == nonces(run)


@pytest.mark.parametrize("checkouts", ["one", pytest.param("two", marks=many)])
def test_two_runs_at_once(place: World, checkouts: str) -> None:
    other = place.home
    if checkouts == "two":
        other = place.folder / "other"
        shutil.copytree(place.home, other)
    runs = [place.start(*place.command(), cwd=cwd) for cwd in (place.home, other)]
    for process in runs:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out + err
    folders = {
        head.parent
        for home in {place.home, other}
        for head in (home / "results").glob(f"*/{journal.HEAD}")
        if not head.parent.is_symlink()
    }
    assert len(folders) == 2
    for folder in folders:
        assert verdicts(journal.read_run(folder)) == dict.fromkeys(every_cell(), "pass")
    made = [path for path in (place.folder / "cache/environments").iterdir() if path.is_dir()]
    assert len(made) == 4
    assert not list((place.folder / "tmp").iterdir())
