"""What each of a cluster's workers has to give: memory, disk, a GPU. All of it real, but for the
GPU: a worker has one if whoever started it says so, as Dask wants it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

import pytest

from runner.errors import TfmatrixError
from runner.model import Device, Result, Verdict
from runner.pipeline import events
from runner.pipeline.cluster import connection
from runner.releases import catalogue
from runner.runs import journal
from tests.conftest import own_disk, required
from tests.engines.dask_cluster import VERSIONS, Cluster, Desk, until, verdicts

pytest.importorskip("distributed")

SMALL_DISK = 'mkdir -p "$0" && mount -t tmpfs -o size=32m tmpfs "$0" && exec "$@"'
"""A shell's script: its `$0` is the folder that becomes a disk of 32 MiB, the rest is started."""

TIMED = """
import sys, time
print("::observe began=%.3f" % time.time())
time.sleep(float(sys.argv[1]))
print("::observe ended=%.3f" % time.time())
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> tuple[str, ...]:
    """What a worker named `small` begins with, so that its cache is on a disk of its own."""
    words = ("unshare", "--mount", "sh", "-c", SMALL_DISK)
    tried = subprocess.run([*words, str(tmp_path / "tried"), "true"], capture_output=True)
    if tried.returncode:
        if required():
            raise PermissionError(tried.stderr)
        pytest.skip(f"LEFT OUT: no file system can be mounted here: {tried.stderr!r}")
    return (*words, str(tmp_path / "cache-small"))


def most_at_a_time(results: list[Result]) -> dict[str, int]:
    """Worker → the most cells that it had at the same time, as their scripts tell it."""
    turns = defaultdict(list)
    for result in results:
        turns[result.worker].append((float(str(result.observations["began"])), 1))
        turns[result.worker].append((float(str(result.observations["ended"])), -1))
    return {
        worker: max(accumulate(change for _, change in sorted(each)))
        for worker, each in turns.items()
    }


def test_a_worker_gets_no_more_cells_at_a_time_than_its_memory_holds(desk: Desk) -> None:
    """Both have two threads. Of a cell nothing is known at first: it may need 1 GiB."""
    desk.dask.add("small", "--memory-limit", "1200MiB")
    desk.dask.add("large", "--memory-limit", "8GiB")
    (desk.folder / "my.py").write_text(TIMED, "utf-8")
    # An environment has one cell, so that no measured peak says that the next needs less.
    results = desk.run("0.4", 1, versions=[f"2.{minor}.0" for minor in range(1, 13)])
    assert verdicts(results) == {"pass": 12}
    assert most_at_a_time(results) == {"small": 1, "large": 2}


def test_an_environment_is_made_only_where_it_fits_on_the_disk(
    desk: Desk, small_disk: tuple[str, ...]
) -> None:
    desk.dask.add("small", within=small_disk)
    desk.dask.add("large")
    results = desk.run("0.1", 2)
    assert verdicts(results) == {"pass": 2 * len(VERSIONS)}
    assert {result.worker for result in results} == {"large"}


def test_where_an_environment_fits_nowhere_that_is_the_reason(
    desk: Desk, small_disk: tuple[str, ...]
) -> None:
    desk.dask.add("small", within=small_disk)
    results = desk.run("0.1", 1, versions=VERSIONS[:1])
    assert verdicts(results) == {"error": 1}
    assert "worker small" in results[0].outcome.reason
    assert "are needed on its disk" in results[0].outcome.reason


MEETING = """
import os, time
os.makedirs({folder!r}, exist_ok=True)
worker = os.environ["PATH"].split(os.pathsep)[0]
open(os.path.join({folder!r}, os.path.basename(worker)), "w").close()
deadline = time.time() + 60
while len(os.listdir({folder!r})) < 2:
    assert time.time() < deadline, "no cell of the other worker began"
    time.sleep(0.05)
"""
"""A cell that ends when a cell of each of two workers has begun. Of its worker's variables it gets
`PATH` only, so that begins with the worker's name."""


def on_both_devices(desk: Desk) -> list[Result]:
    wanted = ("2.15.1", "2.16.2", "2.17.1")
    releases = [one for one in catalogue.load_releases() if one.version in wanted]
    return desk.run("0.1", 2, releases=releases, devices=(Device.CPU, Device.CUDA))


def test_cells_that_need_a_gpu_go_to_a_worker_that_has_one(desk: Desk) -> None:
    """The GPU's worker can begin on two environments at a time, and there are three for the CPU: it
    leaves one to the other worker, whichever of them is the first to be ready."""
    for name, words in {"bare": (), "gpu": ("--resources", "GPU=1")}.items():
        desk.dask.add(name, *words, PATH=os.pathsep.join([f"/{name}", os.environ["PATH"]]))
    (desk.folder / "my.py").write_text(MEETING.format(folder=str(desk.folder / "met")), "utf-8")
    results = on_both_devices(desk)
    assert verdicts(results) == {"pass": 12}
    where = {
        device: {r.worker for r in results if r.device == device} for device in ("cpu", "cuda")
    }
    assert where["cuda"] == {"gpu"}
    # The others do not wait for the GPU's worker while one without it is idle.
    assert "bare" in where["cpu"]


def test_without_such_a_worker_they_are_skipped_and_the_others_measured(desk: Desk) -> None:
    desk.dask.add("bare")
    results = on_both_devices(desk)
    assert verdicts(results) == {"pass": 6, "skip": 6}
    reasons = {r.outcome.reason for r in results if r.outcome.verdict is Verdict.SKIP}
    assert reasons == {"no worker of the cluster has a GPU (dask worker --resources GPU=1)"}


UNTIL_FULL = """
import os, sys, time
def free():
    disk = os.statvfs(os.path.dirname(os.path.abspath(__file__)))
    small = disk.f_blocks * disk.f_frsize <= 2 ** 25
    return disk.f_bavail if small else 0
end = time.time() + 60
while free() and time.time() < end:
    time.sleep(0.05)
"""
UNTIL_TRIED = """
import os, time
deadline = time.time() + 60
while not os.path.exists({file!r}):
    assert time.time() < deadline, "no cell began on the full disk"
    time.sleep(0.05)
"""


def test_a_worker_whose_disk_fills_during_a_run_gets_no_more_cells(
    desk: Desk, small_disk: tuple[str, ...]
) -> None:
    """Its first script's cells last until the disk is full; the second script cannot be stored.
    The other worker's two threads are busy with the second script until that was tried."""
    desk.dask.add("small", within=small_disk)
    desk.dask.add("large")
    small = Path(f"/proc/{desk.dask.workers['small'].pid}/root", *small_disk[-1].split("/"))
    (small / "made" / VERSIONS[0]).mkdir(parents=True)  # so it gets the cells
    (desk.folder / "my.py").write_text(UNTIL_FULL, "utf-8")
    (desk.folder / "second").mkdir()
    tried = desk.folder / "tried"
    (desk.folder / "second" / "other.py").write_text(UNTIL_TRIED.format(file=str(tried)), "utf-8")
    filling = threading.Thread(target=fill_up, args=(small,))

    def follow(event: events.Event) -> None:
        if not isinstance(event, events.Started) or event.worker != "small":
            return
        if event.repro == "other":
            tried.touch()
        elif not filling.ident:
            filling.start()

    scripts = ("my.py", "second/other.py")
    results = desk.run("0", 3, emit=follow, scripts=scripts, versions=VERSIONS[:1])
    filling.join()
    assert verdicts(results) == {"pass": 6}
    assert {one.worker for one in results if one.repro == "other"} == {"large"}
    (said,) = [line for line in desk.said if "worker small gets no more cells" in line]
    assert "No space left on device" in said


def fill_up(disk: Path) -> None:
    """When the first script is stored there."""
    until(lambda: list(disk.glob("snapshots/*/my.py")))
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def test_a_worker_too_many_waits_for_the_place_of_a_lost_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with two threads gets five calls at a time, and the command makes no more."""
    monkeypatch.setattr(connection, "CALLS", 5)
    for name in ("one", "two"):
        desk.dask.add(name)
    killed: list[str] = []

    def kill_the_first(event: events.Event) -> None:
        if isinstance(event, events.Ended) and not killed:
            killed.append(event.result.worker)
            desk.dask.workers[killed[0]].send_signal(signal.SIGKILL)

    results = desk.run("0.3", 3, emit=kill_the_first)
    assert verdicts(results) == {"pass": 12}
    (said,) = [line for line in desk.said if "gets no cells" in line]
    assert "it would need more than the 400 calls at a time" in said
    assert {result.worker for result in results} == {killed[0], said.split()[1]} == {"one", "two"}


def test_a_worker_uses_as_many_threads_as_there_are_calls_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two threads, it gets five calls at a time; with one, three."""
    monkeypatch.setattr(connection, "CALLS", 8)
    for name in ("one", "two"):
        desk.dask.add(name)
    with desk.connect(None, "plain") as (engine, _):
        assert engine.threads == 3
    (said,) = [line for line in desk.said if "uses 1 of its 2 threads" in line]
    assert "with all of them it would need more" in said


PRINTS_MUCH = """
import os
print(os.urandom(400_000).hex())
"""


@pytest.fixture
def small_desk(dask: Cluster, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose own disk has 16 MiB; those of its workers have more."""
    made = Desk(dask)
    with own_disk(tmp_path / "desk", "16m") as made.folder:
        yield made


def test_where_the_commanding_machine_s_disk_fills_the_run_ends_and_keeps_what_it_has(
    small_desk: Desk, desk: Desk
) -> None:
    desk.dask.add("one")
    (small_desk.folder / "my.py").write_text(PRINTS_MUCH, "utf-8")
    with pytest.raises(TfmatrixError, match=r"No space left on device\n  to fix it: .*--output"):
        small_desk.run("", 40)
    (kept,) = small_desk.folder.glob("run-*")
    results = journal.read_run(kept).results
    assert 0 < len(results) < 40 * len(VERSIONS)
    assert verdicts(results) == {"pass": len(results)}
    # The worker's disk had room, and the worker serves the next command.
    (desk.folder / "my.py").write_text("", "utf-8")
    assert verdicts(desk.run("", 2)) == {"pass": 2 * len(VERSIONS)}
