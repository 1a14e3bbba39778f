"""`tfmatrix build` makes environments at the same time, and ends them together."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from runner.cli import build
from runner.engines.local.engine import LocalEngine
from runner.machine import processes
from runner.matrix import plan
from runner.model import Device, Target
from runner.pipeline import LocalBackend
from runner.pipeline.site import made_at_once
from runner.releases import catalogue

BACKEND = LocalBackend(engine=LocalEngine(), jobs=1)


def targets(*versions: str) -> Sequence[Target]:
    known = catalogue.load_releases()
    return [plan.target(next(r for r in known if r.version == v), Device.CPU) for v in versions]


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_more_than_cells_are_made_at_the_same_time_and_the_newest_first(jobs: int) -> None:
    backend = LocalBackend(engine=LocalEngine(), jobs=jobs)
    several, order = threading.Barrier(jobs + 1), []

    def make(target: Target) -> bool:
        order.append(target.release.version)
        several.wait(60)
        return True

    wanted = targets("2.0.4", "2.9.3", "2.10.1", "2.21.0")
    assert build._each(backend, make, wanted) == [True] * 4
    assert set(order[: jobs + 1]) == {each.release.version for each in wanted[-jobs - 1 :]}


def test_a_large_machine_makes_eight_at_the_same_time() -> None:
    assert made_at_once(64) == 8


def test_an_interruption_ends_what_is_being_made() -> None:
    started, ended = threading.Event(), threading.Event()

    def make(target: Target) -> bool:
        if target.release.version == "2.21.0":
            assert started.wait(60)
            raise KeyboardInterrupt
        try:
            for line in processes.stream(("sh", "-c", "echo started; exec sleep 600")):
                assert line in ("started\n", "exit -9")
                started.set()
        finally:
            ended.set()
        return True

    with pytest.raises(KeyboardInterrupt):
        build._each(BACKEND, make, targets("2.9.3", "2.21.0"))
    assert ended.is_set()
