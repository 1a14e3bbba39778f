"""`bisect --blame`: is it TensorFlow's change, or a package's that changed with it?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.bisect import blame
from runner.bisect.answer import Neighbour
from runner.bisect.blame import (
    Blame,
    Pins,
    blame_sentences,
    fewest_needed,
    find_blame,
    with_older_packages,
)
from runner.environments import locks
from runner.errors import LockError
from runner.matrix import plan
from runner.model import Case, Cell, Device, EnvironmentInfo, Repro, Result, Target, Verdict
from runner.releases import catalogue
from tests.unit import runs

ITEMS = tuple(f"package-{number}==1" for number in range(12))


@given(st.sets(st.sampled_from(ITEMS), min_size=1, max_size=4))
def test_the_fewest_that_do_it_together_are_found(needed: set[str]) -> None:
    asked: list[Pins] = []

    def enough(pins: Pins) -> bool:
        asked.append(pins)
        return needed <= set(pins)

    assert set(fewest_needed(ITEMS, enough)) == needed
    if len(needed) == 1:
        assert len(set(asked)) <= 9  # 1 + 2 log2 12


def test_where_all_of_them_do_not_do_it_there_are_none() -> None:
    assert fewest_needed(ITEMS, lambda pins: False) == ()
    assert fewest_needed((), lambda pins: True) == ()


def test_what_cannot_be_decided_is_not_enough() -> None:
    both = {ITEMS[0], ITEMS[11]}
    found = fewest_needed(ITEMS, lambda pins: set(ITEMS[:6]) <= set(pins) and both <= set(pins))
    assert set(found) == {*ITEMS[:6], ITEMS[11]}


OLD = ("numpy==1.26.4", "h5py==3.11.0", "keras==2.15.0", "wrapt==1.14.1", "tensorflow-cpu==2.17.1")
NEW = ("numpy==2.0.2", "h5py==3.12.1", "keras==3.6.0", "wrapt==1.14.1", "tensorflow-cpu==2.18.1")


def target(version: str = "2.18.1") -> Target:
    release = catalogue.find_release(catalogue.load_releases(), version)
    assert release is not None
    return plan.target(release, Device.CPU)


def side(version: str, packages: tuple[str, ...], glyph: str) -> Neighbour:
    environment = EnvironmentInfo(
        id=version,
        tensorflow=version,
        python="3.10",
        device="cpu",
        engine="local",
        key="",
        image=None,
        packages=packages,
    )
    return Neighbour(result=result(glyph), environment=environment)


def result(glyph: str) -> Result:
    return runs.result("default", "2.18.1", glyph, {"A": (Verdict.FAIL, "KeyError: 'x'")})


def passes(one: Result) -> bool:
    return one.outcome.verdict is Verdict.PASS


def blamed(
    behaves: Callable[[Pins], Optional[Result]], monkeypatch: pytest.MonkeyPatch
) -> tuple[Blame, list[str]]:
    def refusal(wanted: Target) -> str:
        return "keras 2 is not for it" if "keras==2.15.0" in wanted.requirements else ""

    monkeypatch.setattr(blame, "_refusal", refusal)
    older, newer = side("2.17.1", OLD, "✓"), side("2.18.1", NEW, "A")
    found = find_blame(older, newer, target(), passes, behaves)
    return found, list(blame_sentences(found, "2.17.1", "2.18.1"))


def test_a_package_is_blamed_and_what_cannot_be_tried_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, words = blamed(lambda pins: result("✓" if "numpy==1.26.4" in pins else "A"), monkeypatch)
    assert found.packages == ("numpy==1.26.4",)
    assert found.tried == ("h5py==3.11.0", "numpy==1.26.4")
    assert words == [
        "The packages make the difference: with numpy 1.26.4, 2.18.1 behaves as 2.17.1.",
        "Not ruled out: keras 2.15.0, which 2.18.1 cannot have: keras 2 is not for it",
    ]


def test_where_no_package_does_it_the_change_is_tensorflows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, words = blamed(lambda pins: result("A"), monkeypatch)
    assert words[0] == (
        "The change is TensorFlow's own, or that of a package that could not be swapped: with "
        "h5py 3.11.0 and numpy 1.26.4 as on 2.17.1, 2.18.1 still ends with \"KeyError: 'x'\"."
    )


@pytest.mark.parametrize("glyph", ["!", None])
def test_what_could_not_be_measured_blames_nobody(
    glyph: Optional[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, words = blamed(lambda pins: result(glyph) if glyph else None, monkeypatch)
    assert words[0] == "2.18.1 could not be tried with the packages of 2.17.1: no answer."


def test_a_trial_is_a_row_of_its_own() -> None:
    cell = Cell(
        repro=Repro(name="r", script=Path("my.py"), cases=()),
        case=Case(name="a"),
        target=target(),
    )
    tried = with_older_packages(cell, ("h5py==3.11.0", "numpy==1.26.4"), 1)
    assert tried.case.name == "a@h5py=3.11.0,numpy=1.26.4"
    assert tried.target.requirements == ("h5py==3.11.0", "numpy==1.26.4")
    assert with_older_packages(cell, ITEMS, 7).case.name == "a@swap-7=12-packages"


def test_why_a_package_is_not_ruled_out_has_no_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asked for that package, so nothing is to be mended."""

    def refuse(wanted: Target) -> None:
        raise LockError("2.18.1 needs\n  tensorboard>=2.18", remedy="--relax")

    monkeypatch.setattr(locks, "environment", refuse)
    found = find_blame(
        side("2.17.1", OLD, "✓"), side("2.18.1", NEW, "A"), target(), passes, lambda _: None
    )
    assert set(found.refused.values()) == {"2.18.1 needs tensorboard>=2.18"}
