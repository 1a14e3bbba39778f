"""The pool of threads that keeps a worker with its group of tasks, and minds the memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

import pytest
from attrs import define, field, frozen

from runner.pipeline import pool as pools
from runner.pipeline.pool import Pool
from runner.pipeline.task_machine import Machine, MachineLost, TryElsewhere


@frozen(kw_only=True)
class Task:
    group: str
    mb: float = 0.0


@define
class Gate:
    """Work that waits to be let through, and notes who did what at the same time as what."""

    open: threading.Event = field(factory=threading.Event)
    lock: threading.Lock = field(factory=threading.Lock)
    running: list[Task] = field(factory=list)
    most: int = 0
    by: dict[str, set[str]] = field(factory=dict)

    def work(self, task: Task) -> str:
        with self.lock:
            self.running.append(task)
            self.most = max(self.most, len(self.running))
            self.by.setdefault(task.group, set()).add(threading.current_thread().name)
        self.open.wait(10)
        with self.lock:
            self.running.remove(task)
        return task.group


def test_it_is_an_executor() -> None:
    with pools.local_pool(2) as pool:
        assert pool.submit(pow, 2, 5).result(10) == 32
        assert list(pool.map(str, range(20))) == [str(n) for n in range(20)]
        assert isinstance(pool.submit(int, "x").exception(10), ValueError)
    with pytest.raises(RuntimeError):
        pool.submit(pow, 2, 5)


def test_a_few_tasks_of_a_group_are_done_by_one_worker() -> None:
    gate = Gate()
    with pools.local_pool(2) as pool:
        futures = [pool.submit(gate.work, Task(group=name)) for name in "aaaabbbb"]
        gate.open.set()
        assert Counter(future.result(10) for future in futures) == {"a": 4, "b": 4}
    assert all(len(workers) == 1 for workers in gate.by.values())


def test_many_tasks_of_one_group_are_shared_out() -> None:
    gate = Gate()
    with pools.local_pool(2) as pool:
        futures = [pool.submit(gate.work, Task(group="a")) for _ in range(30)]
        while gate.most < 2:
            assert not futures[0].done()
        gate.open.set()
        wait(futures, 10)
    assert len(gate.by["a"]) == 2


def test_tasks_that_do_not_fit_into_memory_wait() -> None:
    gate = Gate()
    with pools.local_pool(4, memory_mb=1000, need=lambda task: task.mb) as pool:
        futures = [pool.submit(gate.work, Task(group=str(n), mb=400)) for n in range(6)]
        while gate.most < 2:
            assert not futures[0].done()
        gate.open.set()
        wait(futures, 10)
    assert gate.most == 2


def test_what_needs_more_than_there_is_runs_alone() -> None:
    gate = Gate()
    gate.open.set()
    with pools.local_pool(4, memory_mb=1000, need=lambda task: task.mb) as pool:
        futures = [pool.submit(gate.work, Task(group=str(n), mb=4000)) for n in range(3)]
        assert [future.result(10) for future in futures] == ["0", "1", "2"]
    assert gate.most == 1


def test_shutting_down_cancels_what_has_not_begun() -> None:
    gate = Gate()
    pool = pools.local_pool(1)
    first: Future[Any] = pool.submit(gate.work, Task(group="a"))
    while not gate.running:
        assert not first.done()
    rest = [pool.submit(gate.work, Task(group="a")) for _ in range(3)]
    gate.open.set()
    pool.shutdown(cancel_futures=True)
    assert first.done()
    assert all(future.cancelled() or future.result() == "a" for future in rest)


class Elsewhere(Machine):
    """A machine that is lost after so many tasks."""

    def __init__(self, name: str, good_for: int) -> None:
        super().__init__()
        self.name, self.left = name, good_for
        self.did: list[str] = []

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        if not self.left:
            raise MachineLost(f"{self.name} is gone")
        self.left -= 1
        self.did.append(args[0].group)
        return fn(*args)


def echo(task: Task) -> str:
    return task.group


def test_what_a_lost_machine_had_is_done_by_another_and_once() -> None:
    good, bad = Elsewhere("good", 1000), Elsewhere("bad", 3)
    with Pool() as pool:
        futures = [pool.submit(echo, Task(group=name)) for name in "abcdefghij" for _ in range(5)]
        pool.add_workers(bad, 1)
        while not bad.lost:
            assert not all(future.done() for future in futures)
        pool.add_workers(good, 1)
        assert Counter(f.result(10) for f in futures) == dict.fromkeys("abcdefghij", 5)
    assert len(good.did) + len(bad.did) == 50


def test_a_task_under_which_two_machines_are_lost_is_lost() -> None:
    with Pool() as pool:
        future = pool.submit(echo, Task(group="a"))
        pool.add_workers(Elsewhere("one", 0), 1)
        pool.add_workers(Elsewhere("two", 0), 1)
        assert isinstance(future.exception(10), MachineLost)


def test_tasks_go_to_the_machine_that_has_their_group() -> None:
    machines = [Elsewhere(str(n), 1000) for n in range(3)]
    with Pool() as pool:
        for machine in machines:
            pool.add_workers(machine, 1)
        first = [pool.submit(echo, Task(group=name)) for name in "abc"]
        wait(first, 10)
        where = {name: m for m in machines for name in m.did}
        second = [pool.submit(echo, Task(group=name)) for name in "abcabcabc"]
        wait(second, 10)
    for name, machine in where.items():
        assert machine.did.count(name) == 4


@pytest.mark.parametrize("coming", [False, True])
def test_another_joins_a_new_group_unless_one_of_its_own_is_coming(coming: bool) -> None:
    joined, threads, submitted = threading.Event(), set(), threading.Event()

    def note(task: Task) -> None:
        submitted.wait(10)  # until then a group may run out of tasks, and be anybody's
        threads.add(threading.current_thread())
        if len(threads) > 1:
            joined.set()
        elif not coming:
            joined.wait(10)

    with pools.local_pool(2, coming=lambda: coming) as workers:
        futures = [workers.submit(note, Task(group="a")) for _ in range(20)]
        submitted.set()
        wait(futures, 20)
    assert joined.is_set() is not coming


def test_nobody_is_given_what_it_does_not_take() -> None:
    class Picky(Elsewhere):
        def takes(self, task: Any) -> bool:
            return bool(task.group != "cuda")

    with Pool() as pool:
        picky, other = Picky("picky", 1000), Elsewhere("other", 1000)
        pool.add_workers(picky, 2)
        pool.add_workers(other, 1)
        wait([pool.submit(echo, Task(group=name)) for name in ["cuda", "cpu"] * 5], 10)
    assert "cuda" not in picky.did
    assert other.did.count("cuda") == 5


def test_what_nobody_will_do_can_be_given_up() -> None:
    with Pool() as pool:
        future = pool.submit(echo, Task(group="a"))
        pool.give_up(ConnectionError("no machine is left"))
        assert isinstance(future.exception(10), ConnectionError)


def test_what_comes_back_when_all_hope_is_gone_is_not_waited_for() -> None:
    class Dying(Elsewhere):
        def call(self, fn: Callable[..., Any], *args: Any) -> Any:
            pool.remove_machine(self)
            pool.give_up(ConnectionError("the scheduler is lost"), for_good=True)
            raise MachineLost("it is gone")

    with Pool() as pool:
        future = pool.submit(echo, Task(group="a"))
        pool.add_workers(Dying("one", 1), 1)
        assert isinstance(future.exception(10), MachineLost)
        assert isinstance(pool.submit(echo, Task(group="b")).exception(10), ConnectionError)


def test_what_a_machine_cannot_do_is_tried_once_on_each_of_the_others() -> None:
    class Useless(Elsewhere):
        def call(self, fn: Callable[..., Any], *args: Any) -> Any:
            self.did.append(args[0].group)
            raise TryElsewhere(f"{self.name} cannot") from ValueError(self.name)

    useless = [Useless(str(n), 1) for n in range(3)]
    with Pool() as pool:
        for machine in useless:
            pool.add_workers(machine, 2)
        future = pool.submit(echo, Task(group="a"))
        assert isinstance(future.exception(10), ValueError)
        assert [machine.did for machine in useless] == [["a"]] * 3
        pool.add_workers(Elsewhere("good", 1000), 1)
        assert pool.submit(echo, Task(group="a")).result(10) == "a"
    assert not any(machine.lost for machine in useless)


def test_what_had_trouble_on_two_machines_is_what_comes_of_it() -> None:
    class Troubled(Elsewhere):
        def call(self, fn: Callable[..., Any], *args: Any) -> Any:
            raise TryElsewhere("no answer", result=self.name)

    with Pool() as pool:
        for name in "abc":
            pool.add_workers(Troubled(name, 1), 1)
        assert pool.submit(echo, Task(group="a")).result(10) in ("a", "b", "c")


def test_a_pool_is_stuck_where_nobody_takes_what_waits() -> None:
    class Picky(Elsewhere):
        def takes(self, task: Any) -> bool:
            return bool(task.group == "a")

    with Pool() as pool:
        empty = pool.stuck
        assert not empty
        pool.add_workers(Picky("picky", 1000), 1)
        assert pool.submit(echo, Task(group="a")).result(10) == "a"
        future = pool.submit(echo, Task(group="b"))
        while not pool.stuck:
            assert not future.done()
        pool.give_up(ConnectionError("nobody takes it"))
        assert isinstance(future.exception(10), ConnectionError)
        assert pool.submit(echo, Task(group="a")).result(10) == "a"
