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
from runner.releases import catalogue

BACKEND = LocalBackend(engine=LocalEngine(), jobs=1)


def targets(*versions: str) -> Sequence[Target]:
    known = catalogue.load_releases()
    return [plan.target(next(r for r in known if r.version == v), Device.CPU) for v in versions]


def test_two_are_made_at_the_same_time_and_the_newest_first() -> None:
    both, order = threading.Barrier(2), []

    def make(target: Target) -> bool:
        order.append(target.release.version)
        both.wait(60)
        return True

    assert build._each(BACKEND, make, targets("2.0.4", "2.9.3", "2.10.1", "2.21.0")) == [True] * 4
    assert set(order[:2]) == {"2.21.0", "2.10.1"}


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
