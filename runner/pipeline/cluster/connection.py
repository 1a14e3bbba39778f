"""The connection to a cluster: which workers exist, which can be used, which are lost."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Optional

from runner import __version__, engines, paths
from runner.errors import EngineUnavailableError, TfmatrixError
from runner.machine.units import count
from runner.pipeline import events
from runner.pipeline.cluster import worker
from runner.pipeline.cluster.client import CONNECT, PATIENCE, client
from runner.pipeline.cluster.engine import ClusterEngine
from runner.pipeline.cluster.machines import Remote
from runner.pipeline.cluster.messages import WorkerInfo
from runner.pipeline.cluster.site import ClusterSite
from runner.pipeline.pool import Pool
from runner.pipeline.site import Workers, made_at_once
from runner.pipeline.task_machine import MachineLost

LOOK = 0.5
"""Seconds between two checks of the list of workers."""
STUCK = 4
"""After this many checks in a row in which nothing runs and no
worker takes a waiting task, it is stuck."""
CALLS = 400
"""The most calls to workers at a time, with which cells are measured and environments made. A
scheduler has two sockets for a call; many systems allow a process 1,024, and Dask calls no more
than 512 workers at a time."""
FULL = f"would need more than the {CALLS} calls at a time that one command makes (docs/cluster.md)"

Say = Callable[[str], None]


@contextmanager
def connect(
    address: str, engine: str, emit: events.Emit, say: Say
) -> Iterator[tuple[ClusterEngine, Workers]]:
    """The workers of the Dask scheduler at `address`; `local:N` starts one here, with N workers.

    `engine` may be `auto`: the first one that every worker can use. Raises `UsageError` if Dask is
    not installed, and `TfmatrixError` if no scheduler or no usable worker answers.
    """
    with client(address) as dask:
        link = Connection(dask, engine, emit, say)
        try:
            link.connect()
            workers = Workers(site=link.site, prepare=link.prepare, measure=link.measure)
            yield ClusterEngine(workers, link.site), workers
        finally:
            link.close()


class Connection:
    """Keeps the pools' machines equal to the scheduler's workers."""

    def __init__(self, dask: Any, engine: str, emit: events.Emit, say: Say) -> None:
        self._dask = dask
        self._engine = engine
        self._say = say
        self._closed = threading.Event()
        self._unfit: dict[str, str] = {}
        self._placeless: set[str] = set()
        """The workers of `_unfit` that could be used if another one left its place."""
        self._asking: set[str] = set()
        self._calls: dict[str, int] = {}
        """Address of a worker → how many calls it may get at a time."""
        self._lock = threading.Lock()
        self._seen = time.monotonic()
        """When a worker was last there."""
        self._away = False
        self._stuck = 0
        self.site = ClusterSite(engine, secrets.token_hex(8), emit)
        self.prepare = Pool()
        self.measure = Pool(need=self.site.peaks.expected)
        self._thread = threading.Thread(target=self._watch, name="cluster", daemon=True)

    def connect(self) -> None:
        """Finds the workers and chooses the engine. Raises `EngineUnavailableError`."""
        addresses = self._wait_for_workers()
        abouts = {address: self._ask(address) for address in addresses}
        if self._engine == "auto":
            self._engine = self.site.name = _common([a.engines for a in abouts.values() if a])
        for address, about in abouts.items():
            self._welcome(address, about)
        if not self.site.machines:
            reasons = "; ".join(self._unfit.values())
            raise EngineUnavailableError(f"no worker of the cluster can be used: {reasons}")
        self._say(f"engine: {self._engine}, on {count(len(self.site.machines), 'worker')}")
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        for pool in (self.prepare, self.measure):
            pool.shutdown(wait=False, cancel_futures=True)
        self.site.close()
        for machine in list(self.site.machines.values()):
            machine.mark_lost()  # ends the threads that still wait for an answer
            self._tell_if_unfit(machine)  # since the last check

    def _wait_for_workers(self) -> Collection[str]:
        end = time.monotonic() + CONNECT
        while not (addresses := self._addresses()):
            if time.monotonic() > end:
                raise TfmatrixError(
                    "the cluster has no workers", remedy="on each machine: dask worker ADDRESS"
                )
            time.sleep(LOOK)
        return addresses

    def _addresses(self) -> Collection[str]:
        if self._dask.status != "running":
            raise ConnectionError(self._dask.status)
        threads: dict[str, int] = self._dask.nthreads()
        return threads.keys()

    # -- who is there ---------------------------------------------------------------------------

    def _watch(self) -> None:
        try:
            while not self._closed.wait(LOOK):
                there = self._answer()
                if there is not None:
                    self._look(there)
        except Exception as error:  # any library below may raise it
            if not self._closed.is_set():
                self._lose_all(f"the scheduler is lost ({error or type(error).__name__})")

    def _answer(self) -> Optional[Collection[str]]:
        """The scheduler's workers; None while it does not answer. Raises if it is lost for good."""
        try:
            there = self._addresses()
        except Exception as error:  # any library below may raise it
            self._await_scheduler(error)
            return None
        if self._away:
            self._away, self._seen = False, time.monotonic()
            self._say("the scheduler is back; its workers get the remaining cells")
        return there

    def _await_scheduler(self, error: Exception) -> None:
        """Dask connects again to a scheduler that comes back. Raises if it is too late for that."""
        late = time.monotonic() - self._seen > PATIENCE
        if self._closed.is_set() or late or self._dask.status in ("closing", "closed"):
            raise error
        if not self._away:
            self._away = True
            self._say(f"the scheduler is lost; it is waited for, up to {PATIENCE:.0f} s")
            self._forget_all()

    def _look(self, there: Collection[str]) -> None:
        for address in self._unfit.keys() - set(there):
            del self._unfit[address]
            self._placeless.discard(address)
        for address, machine in list(self.site.machines.items()):
            if address in there and machine.unfit:
                self._tell_if_unfit(machine)
                self._forget(machine)
            elif address not in there or machine.lost:
                # It may be lost only to us because one call got no answer. Then it is found again.
                self._say(f"worker {machine.name} is lost; its cells are measured elsewhere")
                self._forget(machine)
        known = self.site.machines.keys() | self._unfit.keys() | self._asking
        for address in set(there) - known:
            self._asking.add(address)
            threading.Thread(target=self._meet, args=(address,), daemon=True).start()
        self._give_up_what_nobody_does()

    def _give_up_what_nobody_does(self) -> None:
        now = time.monotonic()
        if self.site.machines:
            self._seen = now
        elif now - self._seen > PATIENCE:
            self._give_up(f"no worker is left, and none came within {PATIENCE:.0f} s")
        stuck = (self.prepare.stuck or self.measure.stuck) and not self._asking
        self._stuck = self._stuck + 1 if stuck and not self._busy else 0
        if self._stuck >= STUCK:
            self._give_up(f"no worker can take it ({self.site.why_nobody()})")

    @property
    def _busy(self) -> bool:
        return self.prepare.running > 0 or self.measure.running > 0

    def _meet(self, address: str) -> None:
        """Adds a worker that came late. A separate thread asks it, because it may not answer."""
        try:
            self._welcome(address, self._ask(address))
        finally:
            self._asking.discard(address)

    def _welcome(self, address: str, about: Optional[WorkerInfo]) -> None:
        why = _unfit(about, self._engine)
        if about is None or why:
            name = about.name if about else address
            self._unfit[address] = f"worker {name} {why}"
            self._say(f"worker {name} gets no cells: it {why}")
            return
        threads = self._reserve(address, about)
        if not threads:
            self._say(f"worker {about.name} gets no cells: it {FULL}")
            return
        if threads < about.threads:
            using = f"uses {threads} of its {about.threads} threads"
            self._say(f"worker {about.name} {using}: with all of them it {FULL}")
        # Each time, because the scheduler may be another one than before.
        self._dask.subscribe_topic(worker.TOPIC, lambda event: self.site.heard(event[1]))
        machine = Remote(self._dask, address, about, self._engine, threads)
        self.site.welcome(machine)
        self.measure.add_workers(machine, machine.threads)
        self.prepare.add_workers(machine, made_at_once(machine.threads))

    def _reserve(self, address: str, about: WorkerInfo) -> int:
        """How many of its threads the worker may use, in view of what others use.

        If none, it waits until another worker leaves its place.
        """
        with self._lock:
            self._calls.pop(address, None)
            free = CALLS - sum(self._calls.values())
            for threads in range(about.threads, 0, -1):
                if _calls(threads) <= free:
                    self._calls[address] = _calls(threads)
                    return threads
            self._unfit[address] = f"worker {about.name} {FULL}"
            self._placeless.add(address)
            return 0

    def _ask(self, address: str) -> Optional[WorkerInfo]:
        try:
            about: WorkerInfo = self._dask.run(worker.about, workers=[address])[address]
            return about
        except Exception:  # after any error the worker cannot be used
            return None

    def _tell_if_unfit(self, machine: Remote) -> None:
        """At most once, although two threads may do it."""
        with self._lock:
            if not machine.unfit or machine.address in self._unfit:
                return
            self._unfit[machine.address] = machine.unfit
        self._say(f"worker {machine.name} gets no more cells: it {machine.unfit}")

    def _forget(self, machine: Remote) -> None:
        del self.site.machines[machine.address]
        for pool in (self.prepare, self.measure):
            pool.remove_machine(machine)
        with self._lock:
            self._calls.pop(machine.address, None)
            while self._placeless:  # they may take this worker's place
                self._unfit.pop(self._placeless.pop(), None)

    def _forget_all(self) -> None:
        self.site.lose_all()
        for machine in list(self.site.machines.values()):
            self._forget(machine)

    def _lose_all(self, reason: str) -> None:
        self._say(f"{reason}; all results are kept: run the same command again to measure the rest")
        self._forget_all()
        self._give_up(reason, for_good=True)

    def _give_up(self, reason: str, *, for_good: bool = False) -> None:
        for pool in (self.prepare, self.measure):
            pool.give_up(MachineLost(reason), for_good=for_good)


def _calls(threads: int) -> int:
    """The most calls at a time to a worker with so many threads."""
    return threads + made_at_once(threads)


def _unfit(about: Optional[WorkerInfo], engine: str) -> str:
    """Why a worker cannot be used; "" if it can."""
    if about is None:
        return "does not answer, or has no tfmatrix (pip install 'tfmatrix[cluster]' there)"
    if about.tool != __version__ or about.agent != paths.agent_digest():
        return f"has tfmatrix {about.tool}, not this version: install the same on both"
    why = about.engines.get(engine, "it is not known there")
    return f"cannot use the engine {engine}: {why}" if why else ""


def _common(known: list[Mapping[str, str]]) -> str:
    """The first engine that all workers can use, else the first that any worker can use."""
    for enough in (all, any):
        for name in engines.ENGINES:
            if known and enough(one.get(name) == "" for one in known):
                return name
    return next(iter(engines.ENGINES))
