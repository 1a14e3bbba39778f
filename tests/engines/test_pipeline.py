"""A plan carried out with real processes: what is recorded, looked at twice, dropped, kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve

from runner.cells import snapshot
from runner.cells.store import Store
from runner.engines.base import Progress
from runner.environments import sizes
from runner.machine import claims
from runner.matrix import plan
from runner.model import (
    Case,
    Cell,
    Environment,
    Limits,
    Matrix,
    Outcome,
    Repro,
    Result,
    Run,
    RunInfo,
    Verdict,
)
from runner.pipeline import Options, Pipeline, disk, events
from runner.pipeline.site import made_at_once
from runner.pipeline.workers import local_workers
from runner.pipeline.workload import Workload, arrange
from runner.runs import journal
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
elif case == "lacks":
    import nltk
elif case == "waits-once":
    flag = sys.argv[2]
    if not os.path.exists(flag):
        open(flag, "w").close()
        time.sleep(60)
elif case == "fails-every-third":
    with open(sys.argv[2], "a") as count:
        count.write("x")
    sys.exit(os.path.getsize(sys.argv[2]) % 3 == 0)
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
        return Repro(
            name="r",
            script=self.script,
            cases=cases,
            limits=limits or Limits(timeout=20),
            needs_tensorflow=False,
        )

    def load(self, repro: Repro, *versions: str) -> Workload:
        matrix = Matrix(source=Path("matrix.yaml"), tf="", repros=(repro,))
        cells: list[Cell] = plan.cells(matrix, [release(version) for version in versions])
        return arrange(cells, self.engine, lambda target: environment(target.release.version))

    @contextmanager
    def pipeline(
        self,
        repro: Repro,
        *,
        jobs: int = 2,
        executor: Optional[Executor] = None,
        forecast: Optional[disk.Forecast] = None,
        **options: Any,
    ) -> Iterator[tuple[Pipeline, journal.Journal]]:
        self.runs += 1
        head = Run(info=INFO, environments=(), results=(), repros=(repro,))
        log = journal.Journal(self.folder / f"run{self.runs}", head)
        with local_workers(self.engine, self.events.append, jobs=jobs) as workers:
            yield (
                Pipeline(
                    workers=evolve(workers, measure=executor or workers.measure),
                    store=self.store,
                    journal=log,
                    snapshots={"r": snapshot.take_snapshot(repro, self.folder / "snapshots")},
                    options=Options(mode="fresh", **options),
                    forecast=forecast,
                    emit=self.events.append,
                ),
                log,
            )
        log.close()

    def run(
        self,
        repro: Repro,
        *versions: str,
        executor: Optional[Executor] = None,
        **options: Any,
    ) -> dict[tuple[str, str], Result]:
        load = self.load(repro, *versions)
        with self.pipeline(repro, executor=executor, **options) as (pipeline, log):
            for result in load.known:
                log.append(result, "")
            pipeline.run(load.batches)
        results = journal.read_run(log.folder).results
        return {(result.case, result.tensorflow): result for result in results}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other runs of this machine hold is none of these tests' business."""
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))


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


LEAVES = """
import os
os.makedirs("out/deep")
open("out/deep/loss.json", "w").write("[1, 2]")
open("out/big", "wb").write(os.urandom(3 << 20))
open("beside", "w").write("not kept")
"""


def test_files_in_out_are_kept_with_the_run_and_come_back_from_the_store(bench: Bench) -> None:
    bench.script.write_text(LEAVES, "utf-8")
    opened = []
    for number in (1, 2):
        (found,) = bench.run(bench.repro(case("a")), "2.1.0").values()
        opened.append(len(bench.engine.opened))
        (file,) = found.files
        assert (file.name, file.size) == ("deep/loss.json", 6)
        assert file.path == f"out/{journal.cell_name(found)}/deep/loss.json"
        assert (bench.folder / f"run{number}" / file.path).read_text("utf-8") == "[1, 2]"
        assert found.notes == ("not kept of out/: more than 1.5 MB, compressed, with big",)
    assert opened[0] == opened[1]


def test_touching_the_script_changes_nothing_and_editing_it_does(bench: Bench) -> None:
    repro = bench.repro(case("good"))
    bench.run(repro, "2.1.0")
    bench.script.touch()
    assert all(result.cached for result in bench.run(repro, "2.1.0").values())
    bench.script.write_text(SCRIPT + "\n# edited\n", "utf-8")
    assert not any(result.cached for result in bench.run(repro, "2.1.0").values())


def test_what_lacked_a_package_is_tried_again(bench: Bench) -> None:
    repro = bench.repro(case("lacks"))
    for _ in range(2):
        (found,) = bench.run(repro, "2.1.0").values()
        assert found.outcome.reason.startswith("needs nltk, which is not in the environments")
        assert (found.outcome.verdict, found.cached) == (Verdict.ERROR, False)


def test_what_used_no_tensorflow_is_tried_again(bench: Bench) -> None:
    repro = evolve(bench.repro(case("bad")), needs_tensorflow=True)
    for _ in range(2):
        (found,) = bench.run(repro, "2.1.0").values()
        assert found.outcome.reason.startswith("ValueError: no such luck, and it never imported")
        assert (found.outcome.verdict, found.cached) == (Verdict.ERROR, False)


def test_fresh_measures_again(bench: Bench) -> None:
    repro = bench.repro(case("good"))
    bench.run(repro, "2.1.0")
    assert not bench.run(repro, "2.1.0", remeasure=True)["good", "2.1.0"].cached


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


def test_a_daemon_that_goes_when_the_cells_are_done_costs_no_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(engine: PlainEngine, environment: Environment) -> int:
        if environment.id in engine.opened:
            raise ConnectionError("the daemon has gone")
        return 100

    monkeypatch.setattr(PlainEngine, "disk_size", gone)
    results = bench.run(bench.repro(case("good")), "2.1.0", "2.2.0", keep=0)
    assert [each.outcome.verdict for each in results.values()] == [Verdict.PASS] * 2
    assert not bench.engine.dropped


def test_stopping_keeps_what_is_measured_and_leaves_nothing_running(bench: Bench) -> None:
    repro = bench.repro(case("good"), case("slow"), limits=Limits(timeout=50))
    load = bench.load(repro, "2.1.0")

    def stop_when_slow_runs() -> None:
        while not any(isinstance(e, events.Started) and e.case == "slow" for e in bench.events):
            time.sleep(0.05)
        time.sleep(0.3)
        pipeline.stop()

    with bench.pipeline(repro, jobs=1) as (pipeline, log):
        stopper = threading.Thread(target=stop_when_slow_runs)
        stopper.start()
        try:
            pipeline.run(load.batches)
        finally:
            stopper.join()
    assert [r.case for r in journal.read_run(log.folder).results] == ["good"]
    quick = evolve(repro, cases=(case("good"),))
    assert bench.run(quick, "2.1.0")["good", "2.1.0"].cached


def test_repeats_are_decided_by_the_majority(bench: Bench) -> None:
    repro = bench.repro(case("fails-every-third", str(bench.folder / "count")), case("good"))
    results = bench.run(repro, "2.1.0", repeat=5)
    flaky = results["fails-every-third", "2.1.0"]
    assert (flaky.outcome.verdict, flaky.votes) == (Verdict.PASS, "4/5")
    assert flaky.outcome.reason == "1 of 5 attempts: fail (exit 1)"
    assert (results["good", "2.1.0"].attempts, results["good", "2.1.0"].votes) == (5, "")
    again = bench.run(repro, "2.1.0", repeat=5)["fails-every-third", "2.1.0"]
    assert (again.cached, again.votes) == (True, "4/5")
    assert not bench.run(repro, "2.1.0")["good", "2.1.0"].cached, "one run is another question"


def test_each_confirmation_is_one_vote_more_and_they_are_kept(bench: Bench) -> None:
    repro = bench.repro(case("fails-every-third", str(bench.folder / "count")))
    load = bench.load(repro, "2.1.0")
    with bench.pipeline(repro) as (pipeline, log):
        pipeline.run(load.batches)
        pipeline.run(load.batches, confirm=True)
    (sound,) = journal.read_run(log.folder).results
    assert (sound.outcome.verdict, sound.attempts, sound.votes) == (Verdict.PASS, 2, "")
    with bench.pipeline(repro) as (pipeline, log):
        pipeline.run(load.batches, confirm=True)
    (flaky,) = journal.read_run(log.folder).results
    assert (flaky.outcome.verdict, flaky.votes) == (Verdict.PASS, "2/3")
    assert flaky.outcome.reason == "1 of 3 attempts: fail (exit 1)"
    assert bench.run(repro, "2.1.0")["fails-every-third", "2.1.0"].votes == "2/3"


def test_any_executor_will_do(bench: Bench) -> None:
    repro = bench.repro(case("good"), case("bad"))
    with ThreadPoolExecutor(3) as executor:
        results = bench.run(repro, "2.1.0", "2.2.0", executor=executor)
    assert {where: result.outcome.verdict.value for where, result in results.items()} == {
        **{("good", version): "pass" for version in ("2.1.0", "2.2.0")},
        **{("bad", version): "fail" for version in ("2.1.0", "2.2.0")},
    }


class Losing(ThreadPoolExecutor):
    """Loses what it is given, as a cluster may."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        return super().submit(self._lose)

    @staticmethod
    def _lose() -> None:
        raise ConnectionError("the worker is gone")


def test_a_cell_that_the_executor_loses_is_an_error(bench: Bench) -> None:
    with Losing(1) as executor:
        results = bench.run(bench.repro(case("good")), "2.1.0", executor=executor)
    outcome = results["good", "2.1.0"].outcome
    assert outcome.verdict is Verdict.ERROR
    assert "the worker is gone" in outcome.reason


def test_one_agent_serves_the_cells_of_an_environment(bench: Bench) -> None:
    bench.run(bench.repro(*(case("good", str(n)) for n in range(5))), "2.1.0", "2.2.0")
    assert sorted(bench.engine.opened) == ["2.1.0-py3.10-cpu", "2.2.0-py3.10-cpu"]


class SlowToLook(PlainEngine):
    """Finds out that the second environment is there long after cells of the first have begun."""

    def prepare(self, environment: Environment, progress: Progress) -> None:
        if self.opened and environment.id.startswith("2.2.0"):
            time.sleep(0.5)
        super().prepare(environment, progress)


def test_each_worker_begins_in_an_environment_of_its_own_where_all_are_there(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, SlowToLook())
    bench.run(bench.repro(case("good")), "2.1.0", "2.2.0")  # makes them
    before = len(bench.engine.opened)
    bench.run(bench.repro(*(case("good", str(n)) for n in range(12))), "2.1.0", "2.2.0")
    assert len(set(bench.engine.opened[before : before + 2])) == 2


def test_agents_stay_for_a_next_round_where_they_are_to(bench: Bench) -> None:
    repro = bench.repro(case("good"))
    load = bench.load(repro, "2.1.0")
    with bench.pipeline(repro, keep_agents=True, remeasure=True) as (pipeline, _):
        pipeline.run(load.batches)
        pipeline.run(load.batches)
    assert len(bench.engine.opened) == 1


class SlowToMake(PlainEngine):
    """Notes when it began and when it ended, too."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def prepare(self, environment: Environment, progress: Progress) -> None:
        self.times.append(time.monotonic())
        time.sleep(0.05)
        super().prepare(environment, progress)
        self.times.append(time.monotonic())


def test_the_seconds_of_an_environment_do_not_count_its_wait_for_others(tmp_path: Path) -> None:
    engine = SlowToMake()
    bench = Bench(tmp_path, engine)
    versions = [f"2.{minor}.0" for minor in range(12)]
    bench.run(bench.repro(case("good")), *versions)
    told = [event.seconds for event in bench.events if isinstance(event, events.Prepared)]
    at_most = made_at_once(2) * (max(engine.times) - min(engine.times))
    assert len(told) == len(versions)
    assert sum(told) < 1.25 * at_most  # with the waiting, it was twice as much


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_than_max_disk_is_ever_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    engine = Crowded()
    bench = Bench(tmp_path, engine)
    versions = [f"2.{minor}.0" for minor in range(1, 8)]
    environments = [environment(version) for version in versions]
    for each in environments:
        sizes.record_size("plain", each, 300 if each is environments[-1] else 100)
    limit = disk.forecast(engine, environments, 250)
    results = bench.run(bench.repro(case("good")), *versions, jobs=jobs, forecast=limit)
    assert results.pop(("good", "2.7.0")).outcome == Outcome(
        verdict=Verdict.SKIP, reason="it takes about 300 B on disk, and the limit is 250 B"
    )
    assert [r.outcome.verdict for r in results.values()] == [Verdict.PASS] * 6
    assert engine.most == 2
    assert len(engine.dropped) == 4


class Crowded(PlainEngine):
    """Knows how many of its environments were there at a time."""

    most = 0

    def prepare(self, environment: Environment, progress: Progress) -> None:
        super().prepare(environment, progress)
        self.most = max(self.most, len(self.made) - len(self.dropped))


def test_what_another_run_uses_is_not_dropped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(bench.folder / "cache"))
    with claims.claim([environment("2.1.0")]):
        bench.run(bench.repro(case("good")), "2.1.0", "2.2.0", keep=0)
    assert bench.engine.dropped == [environment("2.2.0").id]
