"""Which of a command's cells need no measuring."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from attrs import evolve

from runner.cells.snapshot import reading, take_snapshot
from runner.cells.store import Store
from runner.model import Cell, Execution, Reads, Repro
from runner.pipeline.answers import Answers
from runner.pipeline.demand import Demand
from runner.pipeline.options import Options
from tests.engines.plain import PlainEngine, environment

ENVIRONMENT = environment("2.9.3")


def test_a_cell_is_measured_again_once_a_file_that_it_read_has_changed(tmp_path: Path) -> None:
    repro = Repro(name="r", script=tmp_path / "beside" / "r.py")
    repro.script.parent.mkdir()
    repro.script.write_text("import sys, tensorflow\nprint(open(sys.argv[1]).read())\n", "utf-8")
    cell = Cell(repro=repro, case=repro.cases[0], target=ENVIRONMENT.target)
    engine, store = PlainEngine(), Store(tmp_path / "store")

    def answered(options: Options = Options()) -> int:  # noqa: B008 - frozen
        snapshots = {"r": take_snapshot(repro, tmp_path / "snapshots")}
        demand = Demand(
            [cell], lambda _: ENVIRONMENT, store=store, snapshots=snapshots, options=options
        )
        return demand.answered(engine)

    data = repro.script.parent / "data.csv"
    data.write_text("1", "utf-8")
    snapshot = take_snapshot(repro, tmp_path / "snapshots")
    answers = Answers(store, {"r": snapshot}, Options())
    reads = Reads(opened=("data.csv",), listed=())
    measured = reading.with_reads(Execution(exit_code=0, reads=reads), snapshot)
    answers.remember(answers.key(engine.name, ENVIRONMENT, cell, ""), measured)
    assert answered() == 1
    assert answered(Options(remeasure=True)) == 0
    data.write_text("2", "utf-8")
    assert answered() == 0
    data.write_text("1", "utf-8")
    assert answered() == 1


def test_an_environment_whose_cells_are_answered_is_not_made_again(tmp_path: Path) -> None:
    repro = Repro(name="r", script=tmp_path / "r.py")
    repro.script.write_text("import tensorflow\n", "utf-8")
    cell = Cell(repro=repro, case=repro.cases[0], target=ENVIRONMENT.target)
    engine, store = PlainEngine(), Store(tmp_path / "store")
    snapshots = {"r": take_snapshot(repro, tmp_path / "snapshots")}

    def demand(options: Options = Options()) -> Demand:  # noqa: B008 - frozen
        return Demand(
            [cell], lambda _: ENVIRONMENT, store=store, snapshots=snapshots, options=options
        )

    assert demand().environments_on_disk(engine) == [ENVIRONMENT]
    answers = Answers(store, snapshots, Options())
    reads = Reads(opened=(), listed=())
    measured = reading.with_reads(Execution(exit_code=0, reads=reads), snapshots["r"])
    answers.remember(answers.key(engine.name, ENVIRONMENT, cell, ""), measured)
    assert demand().environments_on_disk(engine) == []
    assert demand(Options(remeasure=True)).environments_on_disk(engine) == [ENVIRONMENT]
    engine.prepare(ENVIRONMENT, lambda _: None)
    assert demand().environments_on_disk(engine) == [ENVIRONMENT]
    assert demand().environments(engine) == []


@pytest.mark.parametrize(("free", "room"), [(10**12, True), (10**6, False)])
def test_a_disk_has_room_if_it_holds_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, room: bool
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path))
    monkeypatch.setattr("runner.machine.host.free_bytes", lambda _: free)
    repro = Repro(name="r", script=tmp_path / "r.py")
    cell = Cell(repro=repro, case=repro.cases[0], target=ENVIRONMENT.target)
    engine = PlainEngine()
    demand = Demand.of_environments([cell], lambda _: ENVIRONMENT)
    why_not = demand.why_no_room(engine)
    assert (why_not is None) == room
    assert room or (why_not and why_not.startswith("1 MB are free in "))
    engine.prepare(ENVIRONMENT, lambda _: None)
    assert demand.why_no_room(engine) is None


def test_what_came_after_the_snapshot_was_not_left_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "beside"
    folder.mkdir()
    for name in ("a.csv", "left.txt"):
        (folder / name).write_text("1", "utf-8")
    repro = Repro(name="r", script=folder / "r.py", files=(Path("a.csv"),))
    repro.script.write_text("import os, tensorflow\nprint(os.listdir('.'))\n", "utf-8")
    snapshot = take_snapshot(repro, tmp_path / "snapshots")
    later = evolve(snapshot, taken=snapshot.taken - 1000)
    reads = Reads(opened=(), listed=(".",), missing=("new.txt",))
    time.sleep(0.05)  # the file system's clock ticks less often than the system's
    (folder / "made").mkdir()
    for name in ("new.txt", "made/new.txt"):
        (folder / name).write_text("2", "utf-8")
    assert reading.missed_files(reads, snapshot) == ["left.txt"]
    assert reading.missed_files(reads, later) == []
    (folder / "left.txt").unlink()
    assert reading.with_reads(Execution(exit_code=0, reads=reads), snapshot).trouble is None
