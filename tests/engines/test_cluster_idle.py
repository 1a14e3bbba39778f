"""What Dask sees of a run, whose cells are no tasks of its own: workers busy until the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.pipeline import events
from tests.engines.dask_cluster import PATIENCE, ROOT, Cluster, Desk, until, verdicts

distributed = pytest.importorskip("distributed")

CONNECTED = """
import sys, threading
from pathlib import Path
from tests.engines.dask_cluster import Desk
class There:
    folder, address = Path(sys.argv[1]), sys.argv[2]
with Desk(There()).connect(None, "plain"):
    threading.Event().wait()
"""
WITHOUT_TFMATRIX = """
import sys
sys.modules["runner"] = None
"""


@pytest.fixture
def other(desk: Desk) -> Iterator[Any]:
    """Another client, which asks the scheduler what those ask that start and end workers."""
    with distributed.Client(desk.dask.address, set_as_default=False) as client:
        yield client


def idle(client: Any) -> list[str]:
    """The workers that an adaptive cluster would end."""
    closed: list[str] = client.sync(client.scheduler.workers_to_close)
    return closed


def test_workers_are_busy_for_dask_until_the_end_of_a_run(desk: Desk, other: Any) -> None:
    for name in ("one", "two"):
        desk.dask.add(name)
    until(lambda: len(idle(other)) == 2)
    with desk.connect(None, "plain"):
        until(lambda: not idle(other))
        assert other.sync(other.scheduler.adaptive_target) == 2
        assert other.sync(other.scheduler.check_idle) is None
    until(lambda: len(idle(other)) == 2)
    until(lambda: other.sync(other.scheduler.check_idle))


def test_a_worker_is_busy_no_longer_than_its_command_lives(desk: Desk, other: Any) -> None:
    desk.dask.add("one")
    words = [sys.executable, "-c", CONNECTED, str(desk.folder), desk.dask.address]
    command = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)})
    until(lambda: not idle(other))
    assert set(other.run(tasks).values()) == {1}
    command.kill()
    command.wait()
    until(lambda: idle(other))
    until(lambda: set(other.run(tasks).values()) == {0})


def tasks(dask_worker: Any) -> int:
    return len(dask_worker.state.tasks)


def test_a_scheduler_that_ends_when_idle_does_not_end_during_a_run(desk: Desk, other: Any) -> None:
    """It waits a tenth of a second from the first cell on; the others take ten times as long."""
    desk.dask.add("one")
    shortened: list[None] = []

    def shorten(event: events.Event) -> None:
        if isinstance(event, events.Ended) and not shortened:
            shortened.append(other.run_on_scheduler(end_soon))

    assert verdicts(desk.run("0.3", 5, emit=shorten)) == {"pass": 20}
    desk.dask.scheduler.wait(PATIENCE)


def end_soon(dask_scheduler: Any) -> None:
    dask_scheduler.idle_timeout = 0.1


def test_a_scheduler_needs_no_tfmatrix(tmp_path: Path) -> None:
    preload = tmp_path / "without_tfmatrix.py"
    preload.write_text(WITHOUT_TFMATRIX, "utf-8")
    dask = Cluster(tmp_path, words=("--preload", str(preload)))
    desk = Desk(dask)
    dask.add("one")
    try:
        with distributed.Client(dask.address, set_as_default=False) as other:
            with desk.connect(None, "plain"):
                until(lambda: not idle(other))
            assert verdicts(desk.run("0", 2)) == {"pass": 8}
    finally:
        dask.close()
