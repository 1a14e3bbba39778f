"""Many machines as one `runner.pipeline.site.Site`."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Optional, TypeVar

from attrs import evolve

from runner.cells.snapshot.record import Snapshot
from runner.engines.base import Phase
from runner.errors import PrepareError
from runner.machine import processes
from runner.model import Environment, Execution, Target
from runner.pipeline import events
from runner.pipeline.cluster import worker
from runner.pipeline.cluster.machines import Remote, SchedulerLost
from runner.pipeline.cluster.messages import (
    MakeReply,
    MakeRequest,
    MeasureReply,
    measure_request,
    snapshot_files,
)
from runner.pipeline.peaks import Peaks
from runner.pipeline.task_machine import MachineLost, MachineUnfit, TryElsewhere
from runner.pipeline.tasks import Measure, Prepare

T = TypeVar("T")
FAULTS = 2
"""A worker gets no more tasks after it failed this often to make what another worker made."""
UNKNOWN = 60.0
"""The assumed seconds for making an environment until one has been made."""
ENDING = 15.0
"""Seconds within which the workers must end their tasks."""
CHUNK = 100
"""A worker is asked about this many environments at a time."""


class ClusterSite:
    """The pool calls `prepare` and `measure` and adds the chosen machine."""

    def __init__(self, engine: str, link: str, emit: events.Emit) -> None:
        self.name = engine
        self.machines: dict[str, Remote] = {}
        self.peaks = Peaks()
        self._link = link
        self._emit = emit
        self._environments: dict[str, Environment] = {}
        self._targets: dict[Target, None] = {}
        self._seconds: dict[str, float] = {}
        self._making: Counter[str] = Counter()
        self._stopped = False
        # No thread of a worker runs these calls, so nobody waits for them.
        self._telling = ThreadPoolExecutor(1, "telling")

    # -- what the pipeline calls ----------------------------------------------------------------

    def expect(self, environments: Sequence[Environment]) -> None:
        """Asks which machine has which environments; cells go there first."""
        new = [one for one in environments if one.key not in self._environments]
        self._environments.update((one.key, one) for one in new)
        _at_once(partial(self._look, machine, new) for machine in self._there())

    def readiness(self, environment: Environment) -> int:
        return int(any(environment.key in one.holds for one in self._there()))

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        """The keys for each kind of machine among the workers."""
        python, there = environment.target.python, self._there()
        unknown = [machine for machine in there if python not in machine.keys]
        _at_once(partial(self._ask_keys, machine, environment) for machine in unknown)
        known = (key for machine in there for key in machine.keys.get(python, ()))
        return tuple(dict.fromkeys(known))

    def release(self, environment: Environment) -> None:
        for machine in self._holding(environment):
            with suppress(RuntimeError):  # raised after the end
                self._telling.submit(self._try, machine, worker.release, environment)

    def disk_size(self, environment: Environment) -> int:
        """The largest copy: each machine has its own disk."""
        sizes = [
            self._try(one, worker.environment_size, environment)
            for one in self._holding(environment)
        ]
        return max((size for size in sizes if size), default=0)

    def remove(self, environment: Environment) -> None:
        for machine in self._holding(environment):
            machine.holds.discard(environment.key)
            machine.given.discard(environment.key)
            machine.disk = (
                self._try(machine, worker.remove_environment, environment) or machine.disk
            )

    def stop(self) -> None:
        self._end(at_once=True)

    def close(self) -> None:
        self._end(at_once=False)

    # -- what the pool calls --------------------------------------------------------------------

    def prepare(self, task: Prepare, machine: Remote) -> None:
        """Makes an environment on a machine; if it fails, another machine may try."""
        environment = task.environment
        self._environments[environment.key] = environment
        if environment.key not in machine.holds:
            self._tell(environment, f"preparing on {machine.name}")
        started = time.monotonic()
        made = self._make(environment, machine)
        if made.engine_fault:
            raise self._unfit(machine, made.engine_fault)
        if made.wrong:
            machine.holds.discard(environment.key)
            machine.refused[environment.key] = made.wrong
            error = PrepareError(f"{made.wrong} (on worker {machine.name})", log=made.log)
            raise TryElsewhere(str(error)) from error
        machine.disk = made.disk
        machine.given.add(environment.key)
        if environment.key not in machine.holds:
            machine.holds.add(environment.key)
            self._seconds[environment.key] = time.monotonic() - started
        self._disprove(environment)

    def measure(self, task: Measure, machine: Remote) -> Execution:
        self._emit(
            events.Started(
                repro=task.cell.repro.name,
                case=task.cell.case.name,
                environment=task.environment.id,
                worker=machine.name,
            )
        )
        measured = self._measured(task, machine) or self._measured(task, machine)
        if measured is None:
            raise TryElsewhere(f"worker {machine.name} does not keep what it is sent")
        execution: Execution = evolve(measured.execution, worker=machine.name)
        if measured.engine_fault:
            raise self._unfit(machine, measured.engine_fault, result=execution)
        if execution.trouble is not None:
            raise TryElsewhere(execution.trouble, result=execution)
        self.peaks.record(task, execution)
        return execution

    def heard(self, news: dict[str, Any]) -> None:
        """Passes a worker's progress to the display."""
        key, address = str(news.get("key")), news.get("worker")
        if news.get("link") == self._link and self._making[key]:
            machine = self.machines.get(str(address))
            name = machine.name if machine else address
            self._tell(
                self._environments[key],
                f"{news['what']} on {name}",
                detail=str(news.get("detail", "")),
                bytes_done=news.get("done"),
                bytes_total=news.get("total"),
            )

    # -- machines -------------------------------------------------------------------------------

    def welcome(self, machine: Remote) -> None:
        """Asks a new machine what it has and can do, before it gets tasks."""
        machine.seconds = self._cost
        self._look(machine, list(self._environments.values()))
        self._ask_refusals(machine, list(self._targets))
        machine.hold()
        self.machines[machine.address] = machine

    def lose_all(self) -> None:
        """The scheduler is lost, and with it every machine."""
        for machine in self._there():
            machine.mark_lost()

    def refuses(self, target: Target) -> str:
        """Why no machine can make the target; empty if one can."""
        machines = [] if target in self._targets else self._there()
        self._targets[target] = None
        _at_once(partial(self._ask_refusals, machine, [target]) for machine in machines)
        whys = [one.impossible.get(target, "") for one in self._there()]
        return whys[0] if whys and all(whys) else ""

    def why_nobody(self) -> str:
        """Why the machines refuse tasks: one reason for each."""
        return "; ".join(
            f"worker {machine.name}: {why}"
            for machine in self._there()
            for why in [next(filter(None, map(machine.why_not, self._environments.values())), "")]
            if why
        )

    def _ask_refusals(self, machine: Remote, targets: list[Target]) -> None:
        with suppress(MachineLost):
            whys = machine.aside(worker.refusals, self.name, targets)
            machine.impossible.update((each, why) for each, why in zip(targets, whys) if why)

    def _ask_keys(self, machine: Remote, environment: Environment) -> None:
        with suppress(MachineLost):
            keys = machine.aside(worker.machine_keys, self.name, environment)
            machine.keys[environment.target.python] = keys

    def _look(self, machine: Remote, environments: Sequence[Environment]) -> None:
        for start in range(0, len(environments), CHUNK):
            some = environments[start : start + CHUNK]
            with suppress(MachineLost):
                there = machine.aside(worker.prepared, self.name, some)
                machine.holds.update(one.key for one, is_there in zip(some, there) if is_there)

    def _there(self) -> list[Remote]:
        return [one for one in list(self.machines.values()) if not one.lost]

    def _holding(self, environment: Environment) -> list[Remote]:
        return [one for one in self._there() if environment.key in one.given]

    def _cost(self, key: str) -> float:
        """The seconds for making it: as measured for this environment elsewhere, else for
        others."""
        known = list(self._seconds.values())
        return self._seconds.get(key) or (sum(known) / len(known) if known else UNKNOWN)

    def _disprove(self, environment: Environment) -> None:
        """Counts a fault of machines that failed to make what another one made."""
        for machine in self._there():
            why = machine.refused.get(environment.key)
            machine.disproved += bool(why)
            if why and machine.disproved >= FAULTS:
                machine.unfit = f"cannot make what others can: {why}"

    @staticmethod
    def _unfit(machine: Remote, why: str, **result: Any) -> MachineUnfit:
        machine.unfit = f"can run nothing any more: {why}"
        return MachineUnfit(f"worker {machine.name} {machine.unfit}", **result)

    def _measured(self, task: Measure, machine: Remote) -> Optional[MeasureReply]:
        """The reply; None if the worker no longer has the files or the environment."""
        if task.group not in machine.given:
            self.prepare(Prepare(environment=task.environment), machine)
        self._give(task.snapshot, machine)
        measured = self._ask(machine, worker.measure, measure_request(self._link, self.name, task))
        if measured is None:
            machine.given.discard(task.group)
            machine.snapshots.discard(task.snapshot.digest)
        return measured

    def _make(self, environment: Environment, machine: Remote) -> MakeReply:
        machine.begin(environment)
        self._making[environment.key] += 1
        try:
            make = MakeRequest(link=self._link, engine=self.name, environment=environment)
            return self._ask(machine, worker.make_environment, make, beside=True)
        finally:
            self._making[environment.key] -= 1
            machine.ended(environment)

    def _give(self, snapshot: Snapshot, machine: Remote) -> None:
        """Sends a snapshot's files, once to each machine."""
        if snapshot.digest in machine.snapshots:
            return
        with machine.lock:
            if snapshot.digest not in machine.snapshots:
                files = snapshot_files(snapshot)
                wrong = self._ask(machine, worker.keep_snapshot, files, beside=True)
                if wrong:
                    raise self._unfit(machine, wrong)
                machine.snapshots.add(snapshot.digest)

    def _ask(self, machine: Remote, fn: Callable[..., T], *args: Any, beside: bool = False) -> T:
        try:
            if not self._stopped:
                return machine.request(fn, *args, beside=beside)
        except MachineLost as error:
            if isinstance(error, SchedulerLost):
                self.lose_all()  # Tried on another machine, the task would be lost again.
            if not self._stopped:
                raise
        raise processes.Stopped

    def _tell(self, environment: Environment, what: str, **phase: Any) -> None:
        self._emit(events.Preparing(environment=environment, phase=Phase(what=what, **phase)))

    def _try(self, machine: Remote, fn: Callable[[str, str], T], environment: Environment) -> Any:
        try:
            return machine.aside(fn, self._link, environment.key)
        except MachineLost:
            return None

    def _end(self, *, at_once: bool) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._telling.shutdown(wait=False)
        _at_once(partial(_end_there, machine, self._link, at_once) for machine in self._there())


def _end_there(machine: Remote, link: str, at_once: bool) -> None:
    with suppress(MachineLost):
        machine.aside(worker.end_connection, link, at_once)


def _at_once(calls: Iterable[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENDING)
