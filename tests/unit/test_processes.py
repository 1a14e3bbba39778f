"""Child processes belong to whoever can stop them."""

from __future__ import annotations

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from runner.machine import processes
from runner.machine.processes import Children, Stopped

SLEEP = ["sleep", "60"]


class Sleeper:
    """A thread that starts `sleep` for an owner, and what came of it."""

    def __init__(self, children: Children) -> None:
        self.children, self.ended = children, ""
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.started.wait(10)

    def _run(self) -> None:
        try:
            with self.children.owning(), processes.start(SLEEP) as process:
                self.started.set()
                process.wait()
        except Stopped:
            self.ended = "stopped"

    def join(self) -> str:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.ended


def test_stopping_ends_the_own_children_and_no_others() -> None:
    one, other = Children(), Children()
    own, foreign = Sleeper(one), Sleeper(other)
    one.stop()
    assert own.join() == "stopped"
    time.sleep(0.2)
    assert foreign.thread.is_alive()
    with other.owning():
        assert processes.run(["echo", "still"]).stdout == "still\n"
    other.stop()
    assert foreign.join() == "stopped"


def test_nothing_starts_for_an_owner_that_has_stopped() -> None:
    children = Children()
    children.stop()
    with children.owning():
        with pytest.raises(Stopped):
            processes.run(["true"])
        with pytest.raises(Stopped):
            processes.check()
    processes.check()  # outside of the block the thread works for nobody who has stopped
    assert processes.run(["true"]).returncode == 0


def test_the_threads_of_a_pool_can_belong_to_an_owner() -> None:
    children = Children()
    with ThreadPoolExecutor(2, initializer=children.own_thread) as pool:
        futures = [pool.submit(processes.run, SLEEP) for _ in range(2)]
        time.sleep(0.3)
        children.stop()
        assert all(isinstance(future.exception(10), Stopped) for future in futures)


def test_a_limit_ends_the_whole_group() -> None:
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.3)
    assert time.monotonic() - began < 10
