"""A Dask scheduler and workers in processes of their own, and a desk that has plans carried out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Optional

from runner.cells import snapshot
from runner.cells.store import Store
from runner.matrix import plan
from runner.model import (
    Case,
    Device,
    Environment,
    Limits,
    Matrix,
    Release,
    Repro,
    Result,
    Run,
    RunInfo,
    Target,
)
from runner.pipeline import Options, Pipeline, arrange, cluster, events
from runner.runs import journal
from tests.engines.plain import release

ROOT = Path(__file__).parents[2]
INFO = RunInfo(id="r", started="", engine="plain", tool_version="0", command="tfmatrix run")
SCRIPT = """
import os, sys, time
from helper import ANSWER
print("::observe answer=%d" % ANSWER)
print("::observe secret=%d" % any("SECRET" in name for name in os.environ))
time.sleep(float(sys.argv[1]))
"""
VERSIONS = ("2.1.0", "2.2.0", "2.3.0", "2.4.0")
PATIENCE = 60.0


def environment(target: Target) -> Environment:
    return Environment(target=target, requirements="", key=f"{hash(target) & 0xFFFFFFFF:064x}")


def verdicts(results: Sequence[Result]) -> Counter[str]:
    return Counter(result.outcome.verdict.value for result in results)


class Cluster:
    """A scheduler and workers in processes of their own, each worker with a cache of its own.

    `within` is what each command begins with: how to enter a network namespace.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        words: Sequence[str] = (),
        variables: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.folder = folder
        self.variables = dict(variables or {})
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        self._file = folder / "scheduler.json"
        self._words = ["scheduler", "--host", host, "--no-dashboard", *words]
        self._words += ["--scheduler-file", str(self._file)]
        self._within = within
        self.start_scheduler()

    def start_scheduler(self, port: str = "0") -> None:
        words = [*self._words, "--port", port]
        self.scheduler = self._start("scheduler", words, {}, self._within)
        log, file = self.log("scheduler"), self._file
        until(lambda: file.exists() and file.read_text("utf-8").strip(), log)
        self.address = str(json.loads(file.read_text("utf-8"))["address"])

    def restart_scheduler(self) -> None:
        """Kill it, and start another one with the same address."""
        self.scheduler.kill()
        self.scheduler.wait(PATIENCE)
        self._file.unlink()
        self.start_scheduler(self.address.rpartition(":")[2])

    def add(
        self, name: str, *more: str, within: Sequence[str] = (), wait: bool = True, **variables: str
    ) -> None:
        """A worker; with `wait`, known to the scheduler when this returns."""
        words = ["worker", self.address, "--name", name, "--nthreads", "2", "--no-nanny"]
        words += ["--no-dashboard", "--preload", "tests.engines.plain_worker", *more]
        cache = {"TFMATRIX_CACHE": str(self.folder / f"cache-{name}"), "A_SECRET": "of the worker"}
        self.workers[name] = self._start(name, words, {**cache, **variables}, within)
        log = self.log(name)
        if wait:
            until(lambda: b"Registered to" in log.read_bytes(), log)

    def remove(self, name: str) -> None:
        """End a worker; the scheduler knows when this returns."""
        process = self.workers.pop(name)
        process.terminate()
        process.wait(PATIENCE)
        log = self.log("scheduler")
        until(lambda: b"Remove worker" in log.read_bytes(), log)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start(
        self, name: str, words: Sequence[str], more: Mapping[str, str], within: Sequence[str]
    ) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context(self.log(name).open("wb"))
        command = [*within, sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **self.variables, **more}
        return subprocess.Popen(command, env=env, cwd=self.folder, stdout=log, stderr=log)

    def close(self) -> None:
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()
        self._stack.close()


def until(happened: Any, log: Optional[Path] = None) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(log.read_text("utf-8") if log else "it did not happen")
        time.sleep(0.05)


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
        self,
        seconds: str,
        count: int,
        *,
        emit: Optional[events.Emit] = None,
        engine: str = "plain",
        versions: Sequence[str] = VERSIONS,
        releases: Sequence[Release] = (),
        devices: Sequence[Device] = (Device.CPU,),
        scripts: Sequence[str] = ("my.py",),
    ) -> list[Result]:
        """The cells of `count` cases of each script, of so many seconds, on each of the versions.

        `releases` may stand in their place, where more than a version matters.
        """
        cases = tuple(Case(name=f"c{n}", args=(seconds,)) for n in range(count))
        repros = tuple(
            Repro(
                name=Path(script).stem,
                script=self.folder / script,
                cases=cases,
                limits=Limits(timeout=300),
                needs_tensorflow=False,
            )
            for script in scripts
        )
        matrix = Matrix(source=Path("matrix.yaml"), tf="", repros=repros, devices=tuple(devices))
        cells = plan.cells(matrix, releases or [release(version) for version in versions])
        with self.journal(*repros) as log, self.connect(emit, engine) as (engine_there, workers):
            load = arrange(cells, engine_there, environment)
            for result in load.known:
                log.append(result, "")
            Pipeline(
                workers=workers,
                store=Store(self.folder / "store"),
                journal=log,
                snapshots={
                    repro.name: snapshot.take_snapshot(repro, self.folder / "snapshots")
                    for repro in repros
                },
                options=Options(mode="fresh"),
                emit=self._take(emit),
            ).run(load.batches)
        lines = (log.folder / "cells.jsonl").read_text("utf-8").splitlines()
        results = journal.read_run(log.folder).results
        assert len(lines) == len(results)  # none was recorded twice
        return list(results)

    @contextmanager
    def journal(self, *repros: Repro) -> Iterator[journal.Journal]:
        head = Run(info=INFO, environments=(), results=(), repros=repros)
        log = journal.Journal(self.folder / f"run-{time.monotonic_ns()}", head)
        yield log
        log.close()

    def connect(self, emit: Optional[events.Emit], engine: str) -> Any:
        return cluster.connect(self.dask.address, engine, self._take(emit), self.said.append)

    def _take(self, emit: Optional[events.Emit]) -> events.Emit:
        def both(event: events.Event) -> None:
            self.events.append(event)
            if emit is not None:
                emit(event)

        return both
