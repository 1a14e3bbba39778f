"""What a running run uses is not removed, by `clean` or by another run."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from runner.machine import claims
from runner.machine.items import Removable
from runner.model import Device, Environment, Release, Target


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def environment(version: str) -> Environment:
    release = Release(
        version=version, released=date(2020, 1, 1), pythons=("3.10",), cpu_requirement=""
    )
    target = Target(release=release, device=Device.CPU, python="3.10")
    return Environment(target=target, requirements="", key="k")


def item(of: str = "", name: str = "x") -> Removable:
    return Removable(kind="image", name=name, size=1, last_used=0, remove=lambda: None, of=of)


def held(thing: Removable) -> bool:
    with claims.claims_settled() as now:
        return now.covers(thing)


def test_a_claim_holds_while_it_lasts_and_no_longer(tmp_path: Path) -> None:
    mine, other = item("2.9.3-py3.10-cpu"), item("2.9.30-py3.10-cpu")
    with claims.claim([environment("2.9.3")], [tmp_path / "run"]):
        assert held(mine)
        assert held(item(name=str(tmp_path / "run")))
        assert not held(other)
        assert not held(item())
    assert not held(mine)
    assert not held(item(name=str(tmp_path / "run")))


def test_several_claims_on_one_environment_all_count() -> None:
    with claims.claim([environment("2.9.3")]) as first:
        assert first.alone(environment("2.9.3"))
        with claims.claim([environment("2.9.3"), environment("2.8.4")]):
            assert not first.alone(environment("2.9.3"))
        assert first.alone(environment("2.9.3"))
        assert held(item("2.9.3-py3.10-cpu"))


@contextmanager
def another_process(cache: Path) -> Iterator[subprocess.Popen[str]]:
    """It claims 2.9.3, and waits."""
    code = """
        from tests.unit.test_claims import claims, environment
        with claims.claim([environment("2.9.3")]):
            print("claimed", flush=True)
            input()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "TFMATRIX_CACHE": str(cache)},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_claim_of_a_process_that_was_killed_ends_with_it(cache: Path) -> None:
    with another_process(cache) as other:
        assert held(item("2.9.3-py3.10-cpu"))
        other.kill()
        other.wait()
        assert not held(item("2.9.3-py3.10-cpu"))
        assert list((cache / "claims").glob("*.json")) == []


def test_nothing_is_claimed_between_the_look_and_the_removal() -> None:
    order = []

    def run() -> None:
        with claims.claim([environment("2.9.3")]):
            order.append("claimed")

    thread = threading.Thread(target=run)
    with claims.claims_settled() as now:
        thread.start()
        thread.join(0.2)
        assert not now.covers(item("2.9.3-py3.10-cpu"))
        order.append("removed")
    thread.join()
    assert order == ["removed", "claimed"]


def test_a_cache_that_cannot_be_written_stops_no_run(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with claims.claim([environment("2.9.3")]) as claim:
        assert claim.alone(environment("2.9.3"))
    assert not held(item("2.9.3-py3.10-cpu"))
