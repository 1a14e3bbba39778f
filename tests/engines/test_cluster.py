"""A pipeline on Dask workers: real processes, each with a cache of its own, some of which die."""

from __future__ import annotations

import asyncio
import getpass
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner import cli
from runner.cells import snapshot
from runner.errors import EngineUnavailableError, TfmatrixError, UsageError
from runner.model import Case, Cell, Repro, Result, Target, Verdict
from runner.pipeline import cluster, events
from runner.pipeline.cluster import connection, machines, messages
from runner.pipeline.cluster.site import ClusterSite
from runner.pipeline.task_machine import MachineLost
from runner.pipeline.tasks import Measure
from tests.engines.dask_cluster import ROOT, VERSIONS, Cluster, Desk, until, verdicts
from tests.engines.plain import environment, release

pytest.importorskip("distributed")


def workers_of(results: list[Result]) -> set[str]:
    return {result.worker for result in results}


def test_cells_are_measured_by_workers_that_share_nothing_with_us(desk: Desk) -> None:
    desk.dask.add("one")
    desk.dask.add("two")
    results = desk.run("0.05", 6)
    assert verdicts(results) == {"pass": 24}
    # The workers have a secret in their environment, which no script is to see.
    assert all(result.observations == {"answer": 42, "secret": 0} for result in results)
    assert workers_of(results) <= {"one", "two"}
    for name in workers_of(results):
        assert list((desk.folder / f"cache-{name}" / "snapshots").iterdir())
    told = [e.phase.what for e in desk.events if isinstance(e, events.Preparing)]
    assert any(what in ("making on one", "making on two") for what in told), told


def test_the_cells_of_an_environment_stay_with_the_worker_that_has_it(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    results = desk.run("0.05", 4)
    where = {
        version: {result.worker for result in results if result.tensorflow == version}
        for version in VERSIONS
    }
    assert all(len(workers) == 1 for workers in where.values()), where


def test_cells_go_first_to_a_worker_that_has_the_environment_from_before(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    for version, name in zip(VERSIONS, ("one", "two", "two", "one")):
        (desk.folder / f"cache-{name}" / "made" / version).mkdir(parents=True)
    results = desk.run("0.05", 2)
    where = {result.tensorflow: result.worker for result in results}
    assert where == dict(zip(VERSIONS, ("one", "two", "two", "one")))


def test_what_a_dying_worker_had_is_measured_elsewhere_and_once(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    killed: list[str] = []
    ended: Counter[str] = Counter()

    def kill_one(event: events.Event) -> None:
        if isinstance(event, events.Ended):
            ended[event.result.worker] += 1
            if not killed and ended[event.result.worker] == 2:
                killed.append(event.result.worker)
                desk.dask.workers[killed[0]].send_signal(signal.SIGKILL)

    results = desk.run("0.4", 6, emit=kill_one)
    assert verdicts(results) == {"pass": 24}
    assert any(f"worker {killed[0]} is lost" in line for line in desk.said)


class Fatal:
    """A result that kills whoever is to hand it over."""

    def __reduce__(self) -> tuple[object, ...]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_result_that_dies_with_its_worker_is_not_waited_for(desk: Desk) -> None:
    desk.dask.add("one")
    lost: list[MachineLost] = []

    def ask(machine: machines.Remote) -> None:
        try:
            machine.request(Fatal)
        except MachineLost as error:
            lost.append(error)

    with desk.connect(None, "plain") as (_, workers):
        (machine,) = workers.site.machines.values()
        threading.Thread(target=ask, args=(machine,), daemon=True).start()
        until(lambda: lost, desk.dask.log("one"))


def test_a_worker_that_is_lost_to_us_alone_is_met_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first answers do not arrive, but there it is: nobody else could do the rest."""
    monkeypatch.setattr(machines.Remote, "_send", _send_without_answer)
    desk.dask.add("one")

    class Said(list[str]):
        def append(self, line: str) -> None:
            super().append(line)
            if "worker one is lost" in line:
                monkeypatch.undo()

    desk.said = Said()
    assert verdicts(desk.run("0", 3)) == {"pass": 12}
    assert any("worker one is lost" in line for line in desk.said)


async def _send_without_answer(_machine: machines.Remote, _message: object) -> object:
    raise ConnectionResetError("connection reset by peer")


def test_a_worker_that_comes_late_gets_work(desk: Desk) -> None:
    desk.dask.add("one")

    def add_two(event: events.Event) -> None:
        if isinstance(event, events.Ended) and "two" not in desk.dask.workers:
            desk.dask.add("two", wait=False)

    results = desk.run("0.5", 25, emit=add_two)
    assert verdicts(results) == {"pass": 100}
    assert workers_of(results) == {"one", "two"}


# Workers that are there, but of no use ---------------------------------------------------------


def test_a_worker_that_cannot_run_anything_gets_no_cells(desk: Desk) -> None:
    desk.dask.add("good")
    desk.dask.add("bad", TFMATRIX_TEST_BROKEN="1")
    results = desk.run("0", 3)
    assert workers_of(results) == {"good"}
    assert any("worker bad gets no cells" in line for line in desk.said)


def test_where_no_worker_can_run_anything_that_is_said(desk: Desk) -> None:
    desk.dask.add("bad", TFMATRIX_TEST_BROKEN="1")
    with pytest.raises(EngineUnavailableError, match="worker bad cannot use the engine plain"):
        desk.run("0", 1)


def test_an_engine_that_breaks_in_the_middle_gets_no_further_cells(desk: Desk) -> None:
    """Its environments are made again elsewhere; what it measured before counts."""
    for name in ("one", "two"):
        desk.dask.add(name)

    def break_one(event: events.Event) -> None:
        if isinstance(event, events.Ended) and event.result.worker == "one":
            broken = desk.folder / "cache-one" / "broken"
            if not broken.exists():
                broken.touch()
                for agent in _agents_below(desk.dask.workers["one"].pid):
                    os.kill(agent, signal.SIGKILL)

    results = desk.run("0.3", 8, emit=break_one)
    if "one" in workers_of(results):  # it may have had nothing
        assert any("worker one gets no more cells" in line for line in desk.said), desk.said
    assert verdicts(results) == {"pass": 32}


def _agents_below(pid: int) -> list[int]:
    """The agents that a worker process has started, besides any that it may start now."""
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", "agent.py"], capture_output=True)
    return [int(word) for word in found.stdout.split()]


def test_what_one_worker_cannot_make_another_does(desk: Desk) -> None:
    desk.dask.add("good")
    desk.dask.add("bad", TFMATRIX_TEST_CANNOT="2.1.0,2.2.0")
    desk.dask.add("worse", TFMATRIX_TEST_CANNOT=",".join(VERSIONS))
    results = desk.run("0", 3)
    assert verdicts(results) == {"pass": 12}
    assert "worse" not in workers_of(results)


def test_what_no_worker_can_make_is_an_error_that_names_them(desk: Desk) -> None:
    for name in ("one", "two", "three"):
        desk.dask.add(name, TFMATRIX_TEST_CANNOT="2.2.0")
    results = desk.run("0", 2)
    assert verdicts(results) == {"pass": 6, "error": 2}
    (reason,) = {r.outcome.reason for r in results if r.outcome.verdict is Verdict.ERROR}
    assert "the index does not answer (on worker" in reason


def test_a_worker_that_cannot_write_what_it_is_sent_gets_no_cells(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    (desk.folder / "cache-one").mkdir(exist_ok=True)
    (desk.folder / "cache-one" / "snapshots").write_text("no folder", "utf-8")
    (desk.folder / "cache-one" / "made" / VERSIONS[0]).mkdir(parents=True)  # it has cells to do
    results = desk.run("0", 3)
    assert verdicts(results) == {"pass": 12}
    assert workers_of(results) == {"two"}
    assert any("worker one gets no more cells" in line for line in desk.said), desk.said


@pytest.mark.parametrize("what", ["prepare", "start_agent"])
def test_what_the_system_refuses_a_worker_is_said(desk: Desk, what: str) -> None:
    """Such an error of the worker's own is not taken for the worker's end."""
    preload = desk.folder / "refused.py"
    preload.write_text(REFUSED.format(what=what), "utf-8")
    desk.dask.add("one", "--preload", str(preload))
    results = desk.run("0", 2)
    assert verdicts(results) == {"error": 8}
    assert all("no process can be started" in r.outcome.reason for r in results)
    assert not any("is lost" in line for line in desk.said), desk.said


REFUSED = """
from tests.engines.plain_worker import WorkersEngine
def refused(*_):
    raise BlockingIOError(11, "no process can be started")
WorkersEngine.{what} = refused
"""


def test_what_all_workers_refuse_is_a_skip(desk: Desk) -> None:
    desk.dask.add("one", TFMATRIX_TEST_REFUSES="2.2.0")
    desk.dask.add("two", TFMATRIX_TEST_REFUSES="2.2.0,2.3.0")
    results = desk.run("0", 2)
    assert verdicts(results) == {"pass": 6, "skip": 2}
    assert {r.worker for r in results if r.tensorflow == "2.3.0"} == {"one"}


def test_a_cell_that_kills_its_workers_costs_two_of_them_and_no_more(desk: Desk) -> None:
    for name in ("one", "two", "three"):
        desk.dask.add(name)
    script = f"{SCRIPT_KILLS}\nprint('::observe answer=1')\n"
    (desk.folder / "my.py").write_text(script, "utf-8")
    pids = [str(desk.dask.workers[name].pid) for name in ("one", "two", "three")]
    (desk.folder / "helper.py").write_text(f"PIDS = {pids}", "utf-8")
    results = desk.run("0", 1, versions=VERSIONS[:1])
    assert verdicts(results) == {"error": 1}
    assert "is gone" in results[0].outcome.reason
    alive = [worker for worker in desk.dask.workers.values() if worker.poll() is None]
    assert len(alive) == 1


SCRIPT_KILLS = """
import os, signal
from helper import PIDS
pid = os.getpid()
while pid > 1 and str(pid) not in PIDS:
    pid = int(open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[1])
if str(pid) in PIDS:
    os.kill(pid, signal.SIGKILL)
"""


# The scheduler, and who asks --------------------------------------------------------------------


def test_a_run_goes_on_when_its_scheduler_is_started_again(desk: Desk) -> None:
    """Dask's workers end with it, and whoever started them starts others."""
    desk.dask.add("one")
    ended: list[Result] = []

    def restart(event: events.Event) -> None:
        if isinstance(event, events.Ended):
            ended.append(event.result)
            if len(ended) == 3:
                desk.dask.restart_scheduler()
                desk.dask.add("two", wait=False)

    results = desk.run("0.2", 3, emit=restart)
    assert verdicts(results) == {"pass": 12}
    assert workers_of(results) == {"one", "two"}
    told = [e.phase.what for e in desk.events if isinstance(e, events.Preparing)]
    assert "making on two" in told, told  # the new scheduler passes on what its worker says


def test_what_was_measured_before_the_scheduler_was_lost_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 1.0)
    desk.dask.add("one")
    ended: list[Result] = []

    def kill(event: events.Event) -> None:
        if isinstance(event, events.Ended):
            ended.append(event.result)
            if len(ended) == 3:
                desk.dask.scheduler.kill()

    results = desk.run("0.2", 3, emit=kill)
    assert len(results) == 12
    found = verdicts(results)
    assert found["pass"] >= 3
    assert found["error"] == 12 - found["pass"] > 0
    assert any("run the same command again" in line for line in desk.said)


def test_an_address_where_nobody_is() -> None:
    connecting = cluster.connect("tcp://127.0.0.1:9", "plain", lambda _: None, lambda _: None)
    with pytest.raises(TfmatrixError, match="no Dask scheduler can be reached"), connecting:
        pass


def test_a_call_that_no_worker_answers_ends_with_the_connection(dask: Cluster) -> None:
    """Python waits for such threads when it ends, and then the command would never end."""
    dask.add("one")
    lost: list[MachineLost] = []

    def ask(machine: machines.Remote) -> None:
        try:
            machine.aside(os.getpid)
        except MachineLost as error:
            lost.append(error)

    with cluster.connect(dask.address, "plain", lambda _: None, lambda _: None) as (_, workers):
        assert isinstance(workers.site, ClusterSite)
        machine = next(iter(workers.site.machines.values()))
        os.kill(dask.workers["one"].pid, signal.SIGSTOP)
        asking = threading.Thread(target=ask, args=(machine,), daemon=True)
        asking.start()
    asking.join(60)
    assert not asking.is_alive()
    assert "worker one is gone" in str(lost[0])


def test_a_caller_that_has_an_event_loop_can_connect(dask: Cluster) -> None:
    """A notebook has one, and so has a thread in which a browser was driven."""
    dask.add("one")

    async def connect() -> int:
        connecting = cluster.connect(dask.address, "plain", lambda _: None, lambda _: None)
        with connecting as (_, workers):
            assert isinstance(workers.site, ClusterSite)
            return len(workers.site.machines)

    with ThreadPoolExecutor(1) as thread:  # this one may have a loop already, of a browser's test
        assert thread.submit(asyncio.run, connect()).result() == 1


@pytest.mark.parametrize("address", ["local:", "local:0", "local:many"])
def test_a_wrong_number_of_workers(address: str) -> None:
    connecting = cluster.connect(address, "plain", lambda _: None, lambda _: None)
    with pytest.raises(UsageError, match="has no number of workers"), connecting:
        pass


def test_without_dask_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "distributed", None)
    Path("my.py").write_text("", "utf-8")
    for verb in ("run", "build"):
        assert cli.execute([verb, "my.py", "--cluster", "local:2", "--tf", "2.9"]) == 2
        assert "pip install 'tfmatrix[cluster]'" in capsys.readouterr().err


def test_nothing_that_is_sent_names_this_machine_or_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "s3cr3t-of-the-client")
    script = tmp_path / "my.py"
    script.write_text("print(1)", "utf-8")
    repro = Repro(name="r", script=script, cases=(Case(name="c"),), env={"WANTED": "1"})
    taken = snapshot.take_snapshot(repro, tmp_path / "snapshots")
    made = environment("2.1.0")
    target: Target = made.target
    cell = Cell(repro=repro, case=repro.cases[0], target=target)
    task = Measure(environment=made, cell=cell, snapshot=taken, mode="fresh")
    sent = pickle.dumps(
        [
            messages.measure_request("link", "plain", task),
            messages.snapshot_files(taken),
            messages.MakeRequest(link="link", engine="plain", environment=made),
        ]
    )
    for secret in (str(tmp_path), str(ROOT), os.environ["HOME"], "s3cr3t"):
        assert secret.encode() not in sent
    assert getpass.getuser() == "root" or getpass.getuser().encode() not in sent
    assert b"WANTED" in sent
    assert release("2.1.0") == target.release


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # where these tests are in the background
from pathlib import Path
from tests.engines.dask_cluster import Desk
class There:
    folder, address = Path(sys.argv[1]), sys.argv[2]
Desk(There()).run(sys.argv[3], 2)
"""


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, "250"), (signal.SIGKILL, "4")])
def test_a_client_that_is_ended_leaves_no_agent_for_long(
    dask: Cluster, number: signal.Signals, seconds: str
) -> None:
    """Interrupted, it ends what runs; killed, the workers do when nobody has asked for long."""
    dask.add("one", TFMATRIX_TEST_IDLE="1")
    command = [sys.executable, "-c", INTERRUPTED, str(dask.folder), dask.address, seconds]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    client = subprocess.Popen(command, env=env, cwd=dask.folder, stderr=subprocess.DEVNULL)

    def agents() -> list[int]:
        return _agents_below(dask.workers["one"].pid)

    until(agents, dask.log("one"))
    time.sleep(1)
    client.send_signal(number)
    client.wait(60)
    until(lambda: not agents())


def test_an_answer_is_that_of_machines_like_the_one_that_measured(desk: Desk) -> None:
    """The client's own processor and Python have no part in it."""
    desk.dask.add("one", TFMATRIX_TEST_MACHINE="3.10.1:old")
    assert [result.cached for result in desk.run("0", 1)] == [False] * 4
    desk.dask.remove("one")
    desk.dask.add("two", TFMATRIX_TEST_MACHINE="3.10.1:new")
    assert [result.cached for result in desk.run("0", 1)] == [False] * 4
    desk.dask.add("three", TFMATRIX_TEST_MACHINE="3.10.1:old")
    assert [result.cached for result in desk.run("0", 1)] == [True] * 4
