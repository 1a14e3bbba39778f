"""Which cells of an environment can share an agent, and which have it for themselves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.cells.snapshot.record import Snapshot
from runner.engines.base import Workspace
from runner.model import Case, Cell, Device, Limits, Repro, Target
from runner.pipeline.tasks import Measure, alone_marked
from tests.engines.plain import environment, release

TARGET = Target(release=release("2.9.3"), device=Device.CPU, python="3.10")


def task(case: str = "a", *, folder: str = "one", mode: str = "fork", **more: Any) -> Measure:
    repro = Repro(
        name="r",
        script=Path("r.py"),
        env=more.pop("env", {}),
        limits=Limits(timeout=more.pop("timeout", 20)),
    )
    return Measure(
        environment=environment("2.9.3"),
        cell=Cell(repro=repro, case=Case(name=case), target=TARGET),
        snapshot=Snapshot(workspace=Workspace(folder=Path(folder), script="r.py"), digest=""),
        mode=mode,
        **more,
    )


def alone(*tasks: Measure) -> list[bool]:
    return [each.alone for each in alone_marked(tasks)]


def test_the_cases_of_a_script_share_an_agent() -> None:
    assert alone(task("a"), task("b")) == [False, False]


def test_a_single_cell_is_alone() -> None:
    assert alone(task()) == [True]


def test_what_another_import_serves_is_shared_by_none() -> None:
    others = (
        task(env={"A": "1"}),
        task(folder="two"),
        task(prologue="import os"),
        task(timeout=9),
    )
    for other in others:
        assert alone(task("a"), task("b"), other) == [False, False, True]
