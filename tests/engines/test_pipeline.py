"""A plan carried out with real processes: what is recorded, looked at twice, dropped, kept."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Optional

import pytest
from attrs import evolve

from runner import events, journal, plan, processes, snapshot
from runner.model import Case, Cell, Limits, Matrix, Repro, Result, Run, RunInfo, Verdict
from runner.pipeline import Options, Pipeline
from runner.store import Store
from runner.workload import Workload, arrange
from tests.engines.plain import PlainEngine, environment, release

SCRIPT = """
import os, signal, sys, time
case = sys.argv[1]
if case == "good":
    print("::observe answer=42")
elif case == "bad":
    raise ValueError("no such luck")
elif case == "slow":
    time.sleep(60)
elif case == "counts":
    sys.exit(0)
elif case == "waits-once":
    flag = sys.argv[2]
    if not os.path.exists(flag):
        open(flag, "w").close()
        time.sleep(60)
"""
INFO = RunInfo(id="r", started="", engine="plain", tool_version="0", command="tfmatrix run")


class Bench:
    """A folder with a script, a store and an engine, to run plans in."""

    def __init__(self, folder: Path, engine: PlainEngine) -> None:
        self.folder, self.engine = folder, engine
        self.store = Store(folder / "store")
        self.script = folder / "script.py"
        self.script.write_text(SCRIPT, "utf-8")
        self.events: list[events.Event] = []
        self.runs = 0

    def repro(self, *cases: Case, limits: Optional[Limits] = None) -> Repro:
        return Repro(name="r", script=self.script, cases=cases, limits=limits or Limits(timeout=20))

    def load(self, repro: Repro, *versions: str) -> Workload:
        matrix = Matrix(source=Path("matrix.yaml"), tf="", repros=(repro,))
        cells: list[Cell] = plan.cells(matrix, [release(version) for version in versions])
        return arrange(cells, self.engine, lambda target: environment(target.release.version))

    def pipeline(self, repro: Repro, **options: object) -> tuple[Pipeline, journal.Journal]:
        self.runs += 1
        head = Run(info=INFO, environments=(), results=(), repros=(repro,))
        log = journal.Journal(self.folder / f"run{self.runs}", head)
        chosen = Options(
            jobs=2,
            snapshots={"r": snapshot.take(repro, self.folder / "snapshots")},
            modes={"r": "fresh"},
        )
        return (
            Pipeline(
                engine=self.engine,
                store=self.store,
                journal=log,
                options=evolve(chosen, **options),
                emit=self.events.append,
            ),
            log,
        )

    def run(self, repro: Repro, *versions: str, **options: object) -> dict[tuple[str, str], Result]:
        load = self.load(repro, *versions)
        pipeline, log = self.pipeline(repro, **options)
        for result in load.known:
            log.append(result, "")
        pipeline.run(load.works)
        log.close()
        results = journal.read(log.folder).results
        return {(result.case, result.tensorflow): result for result in results}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, PlainEngine())


def case(name: str, *args: str) -> Case:
    return Case(name=name, args=(name, *args))


def test_every_cell_is_measured_once(bench: Bench) -> None:
    results = bench.run(bench.repro(case("good"), case("bad")), "2.1.0", "2.2.0", "2.3.0")
    assert {where: result.outcome.verdict.value for where, result in results.items()} == {
        **{("good", version): "pass" for version in ("2.1.0", "2.2.0", "2.3.0")},
        **{("bad", version): "fail" for version in ("2.1.0", "2.2.0", "2.3.0")},
    }
    assert results["good", "2.1.0"].observations == {"answer": 42}
    assert results["bad", "2.2.0"].outcome.signature == "ValueError: no such luck"
    assert len(bench.engine.made) == 3


def test_what_is_known_is_not_run_again(bench: Bench) -> None:
    repro = bench.repro(case("good"), case("bad"))
    first = bench.run(repro, "2.1.0")
    opened = len(bench.engine.opened)
    second = bench.run(repro, "2.1.0")
    assert len(bench.engine.opened) == opened
    assert not any(result.cached for result in first.values())
    assert all(result.cached for result in second.values())
    assert [r.outcome for r in first.values()] == [r.outcome for r in second.values()]


def test_touching_the_script_changes_nothing_and_editing_it_does(bench: Bench) -> None:
    repro = bench.repro(case("good"))
    bench.run(repro, "2.1.0")
    bench.script.touch()
    assert all(result.cached for result in bench.run(repro, "2.1.0").values())
    bench.script.write_text(SCRIPT + "\n# edited\n", "utf-8")
    assert not any(result.cached for result in bench.run(repro, "2.1.0").values())


def test_fresh_measures_again(bench: Bench) -> None:
    repro = bench.repro(case("good"))
    bench.run(repro, "2.1.0")
    assert not bench.run(repro, "2.1.0", fresh=True)["good", "2.1.0"].cached


def test_an_environment_that_cannot_be_made_is_an_error_and_is_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PlainEngine(broken=frozenset({"2.2.0"})))
    repro = bench.repro(case("good"))
    results = bench.run(repro, "2.1.0", "2.2.0")
    assert results["good", "2.1.0"].outcome.verdict is Verdict.PASS
    broken = results["good", "2.2.0"]
    assert broken.outcome.verdict is Verdict.ERROR
    assert "no space left on device" in broken.outcome.reason
    assert broken.log is not None
    bench.engine.broken = frozenset()
    assert bench.run(repro, "2.1.0", "2.2.0")["good", "2.2.0"].outcome.verdict is Verdict.PASS


def test_a_target_that_cannot_run_here_is_a_skip_with_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PlainEngine(refused="2.2.0"))
    results = bench.run(bench.repro(case("good")), "2.1.0", "2.2.0")
    skipped = results["good", "2.2.0"].outcome
    assert (skipped.verdict, skipped.reason) == (Verdict.SKIP, "not on this machine")
    assert bench.engine.made == ["2.1.0-py3.10-cpu"]


def test_a_time_out_gets_a_second_look(bench: Bench) -> None:
    flag = bench.folder / "flag"
    repro = bench.repro(case("slow"), case("waits-once", str(flag)), limits=Limits(timeout=1.5))
    results = bench.run(repro, "2.1.0")
    assert results["slow", "2.1.0"].outcome.verdict is Verdict.TIMEOUT
    assert results["slow", "2.1.0"].attempts == 2
    second = results["waits-once", "2.1.0"]
    assert second.outcome.verdict is Verdict.PASS
    assert second.attempts == 2
    assert second.outcome.reason == "1 of 2 attempts: timeout (timeout)"


@pytest.mark.parametrize(("keep", "dropped"), [(None, 0), (0, 3), (200, 1)])
def test_environments_are_dropped_when_their_cells_are_done(
    bench: Bench, keep: Optional[int], dropped: int
) -> None:
    bench.run(bench.repro(case("good")), "2.1.0", "2.2.0", "2.3.0", keep=keep)
    assert len(bench.engine.dropped) == dropped


def test_stopping_keeps_what_is_measured_and_leaves_nothing_running(bench: Bench) -> None:
    repro = bench.repro(case("good"), case("slow"), limits=Limits(timeout=50))
    load = bench.load(repro, "2.1.0")
    pipeline, log = bench.pipeline(repro, jobs=1)

    def stop_when_slow_runs() -> None:
        while not any(isinstance(e, events.Started) and e.case == "slow" for e in bench.events):
            time.sleep(0.05)
        time.sleep(0.3)
        pipeline.stop()

    stopper = threading.Thread(target=stop_when_slow_runs)
    stopper.start()
    try:
        pipeline.run(load.works)
    finally:
        stopper.join()
        log.close()
        processes.allow_again()
    assert [r.case for r in journal.read(log.folder).results] == ["good"]
    quick = evolve(repro, cases=(case("good"),))
    assert bench.run(quick, "2.1.0")["good", "2.1.0"].cached
