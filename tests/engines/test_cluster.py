"""A pipeline on Dask workers: real processes, each with a cache of its own, some of which die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve

from runner import cluster, events, journal, plan, snapshot
from runner.errors import EngineUnavailableError, TfmatrixError
from runner.model import Case, Limits, Matrix, Repro, Result, Run, RunInfo, Verdict
from runner.modes import Modes
from runner.pipeline import Options, Pipeline
from runner.store import Store
from runner.workload import arrange
from tests.engines.plain import PlainEngine, environment, release

ROOT = Path(__file__).parents[2]
INFO = RunInfo(id="r", started="", engine="plain", tool_version="0", command="tfmatrix run")
SCRIPT = """
import os, sys, time
from helper import ANSWER
print("::observe answer=%d" % ANSWER)
print("::observe secret=%d" % ("SECRET_OF_THE_CALLER" in os.environ))
time.sleep(float(sys.argv[1]))
"""
VERSIONS = ("2.1.0", "2.2.0", "2.3.0", "2.4.0")


class Cluster:
    """A scheduler and workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        self.address = self._scheduler()

    def _scheduler(self) -> str:
        file = self.folder / "scheduler.json"
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self._start("scheduler", [*words, "--scheduler-file", str(file)], {})
        for _ in range(300):
            if file.exists() and file.read_text("utf-8").strip():
                import json

                return str(json.loads(file.read_text("utf-8"))["address"])
            time.sleep(0.1)
        raise AssertionError((self.folder / "scheduler.log").read_text("utf-8"))

    def add(self, name: str, *more: str, **variables: str) -> None:
        words = ["worker", self.address, "--name", name, "--nthreads", "2", "--no-nanny"]
        words += ["--no-dashboard", "--preload", "tests.engines.plain_worker", *more]
        cache = {"TFMATRIX_CACHE": str(self.folder / f"cache-{name}"), **variables}
        self.workers[name] = self._start(name, words, cache)

    def _start(self, name: str, words: list[str], more: dict[str, str]) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context(open(self.folder / f"{name}.log", "wb"))
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
            env={**os.environ, "PYTHONPATH": str(ROOT), **more},
            cwd=self.folder,
            stdout=log,
            stderr=log,
        )

    def close(self) -> None:
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()
        self._stack.close()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    made = Cluster(tmp_path)
    yield made
    made.close()


class Desk:
    """Plans, carried out on a cluster."""

    def __init__(self, dask: Cluster) -> None:
        self.dask = dask
        self.folder = dask.folder
        self.said: list[str] = []
        self.events: list[events.Event] = []
        (self.folder / "my.py").write_text(SCRIPT, "utf-8")
        (self.folder / "helper.py").write_text("ANSWER = 42", "utf-8")

    def run(
        self, seconds: str, count: int, *, emit: Optional[events.Emit] = None, engine: str = "plain"
    ) -> list[Result]:
        cases = tuple(Case(name=f"c{n}", args=(seconds,)) for n in range(count))
        repro = Repro(
            name="r", script=self.folder / "my.py", cases=cases, limits=Limits(timeout=30)
        )
        matrix = Matrix(source=Path("matrix.yaml"), tf="", repros=(repro,))
        cells = plan.cells(matrix, [release(version) for version in VERSIONS])
        load = arrange(cells, PlainEngine(), lambda target: environment(target.release.version))
        options = Options(
            snapshots={"r": snapshot.take(repro, self.folder / "snapshots")}, modes=Modes("fresh")
        )
        with self.journal(repro) as log, self.connect(emit, engine) as (_, workers):
            Pipeline(
                workers=workers,
                store=Store(self.folder / "store"),
                journal=log,
                options=options,
                emit=self._take(emit),
            ).run(load.works)
        lines = (log.folder / "cells.jsonl").read_text("utf-8").splitlines()
        results = journal.read(log.folder).results
        assert len(lines) == len(results)  # none was recorded twice
        return list(results)

    @contextmanager
    def journal(self, repro: Repro) -> Iterator[journal.Journal]:
        head = Run(info=INFO, environments=(), results=(), repros=(repro,))
        log = journal.Journal(self.folder / f"run-{time.monotonic_ns()}", head)
        yield log
        log.close()

    def connect(self, emit: Optional[events.Emit], engine: str) -> Any:
        return cluster.connect(self.dask.address, engine, self._take(emit), self.said.append)

    def _take(self, emit: Optional[events.Emit]) -> events.Emit:
        return emit or self.events.append


@pytest.fixture
def desk(dask: Cluster) -> Desk:
    return Desk(dask)


def test_cells_are_measured_by_workers_that_share_nothing_with_us(desk: Desk) -> None:
    desk.dask.add("one")
    desk.dask.add("two")
    os.environ["SECRET_OF_THE_CALLER"] = "x"
    try:
        results = desk.run("0.05", 6)
    finally:
        del os.environ["SECRET_OF_THE_CALLER"]
    assert len(results) == 24
    assert {result.outcome.verdict for result in results} == {Verdict.PASS}
    assert all(result.observations == {"answer": 42, "secret": 0} for result in results)
    assert {result.worker for result in results} <= {"one", "two"}
    for name in {result.worker for result in results}:
        assert list((desk.folder / f"cache-{name}" / "snapshots").iterdir())
    journals = (desk.folder.glob("cache-*/**/*"), (str(ROOT), str(desk.folder / "my.py")))
    for path in (path for path in journals[0] if path.is_file()):
        assert str(desk.folder / "my.py").encode() not in path.read_bytes()


def test_the_cells_of_an_environment_stay_with_the_worker_that_has_it(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    results = desk.run("0.05", 4)
    where = {
        version: {result.worker for result in results if result.tensorflow == version}
        for version in VERSIONS
    }
    assert all(len(workers) == 1 for workers in where.values()), where


def test_what_a_dying_worker_had_is_measured_elsewhere_and_once(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    ended: Counter[str] = Counter()

    def kill_one(event: events.Event) -> None:
        if isinstance(event, events.Ended):
            ended[event.result.worker] += 1
            if ended["one"] == 2:
                desk.dask.workers["one"].send_signal(signal.SIGKILL)

    results = desk.run("0.3", 6, emit=kill_one)
    assert len(results) == 24
    assert {result.outcome.verdict for result in results} == {Verdict.PASS}
    assert any("worker one is lost" in line for line in desk.said)


def test_a_worker_that_cannot_run_anything_gets_no_cells(desk: Desk) -> None:
    desk.dask.add("good")
    desk.dask.add("bad", TFMATRIX_TEST_BROKEN="1")
    results = desk.run("0", 3)
    assert {result.worker for result in results} == {"good"}
    assert any("worker bad gets no cells" in line for line in desk.said)


def test_where_no_worker_can_run_anything_that_is_said(desk: Desk) -> None:
    desk.dask.add("bad", TFMATRIX_TEST_BROKEN="1")
    with pytest.raises(EngineUnavailableError, match="worker bad cannot use the engine plain"):
        desk.run("0", 1)


def test_what_was_measured_before_the_scheduler_was_lost_is_kept(desk: Desk) -> None:
    desk.dask.add("one")
    ended: list[Result] = []

    def kill(event: events.Event) -> None:
        if isinstance(event, events.Ended):
            ended.append(event.result)
            if len(ended) == 3:
                desk.dask.scheduler.kill()

    results = desk.run("0.2", 3, emit=kill)
    assert len(results) == 12
    verdicts = Counter(result.outcome.verdict for result in results)
    assert verdicts[Verdict.PASS] >= 3
    assert verdicts[Verdict.ERROR] == 12 - verdicts[Verdict.PASS] > 0
    again = evolve(results[0], cached=False)
    assert again.outcome.verdict is Verdict.PASS


def test_an_address_where_nobody_is(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    connecting = cluster.connect("tcp://127.0.0.1:9", "plain", lambda _: None, lambda _: None)
    with pytest.raises(TfmatrixError, match="no Dask scheduler can be reached"), connecting:
        pass
