"""What one engine has downloaded, the other does not download again: counted by the index."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from bench import index
from bench.index import Index
from runner import paths
from runner.engines.base import Engine, Phase
from runner.engines.docker import bases
from runner.engines.docker.engine import DockerEngine
from runner.engines.local.engine import LocalEngine
from runner.environments import locks, render
from runner.model import Environment
from tests.engines import test_docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index with nothing kept from it, in any cache."""
    with index.serving(tmp_path / "index") as serving:
        monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url)
        monkeypatch.setenv("PIP_INDEX_URL", serving.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
        yield serving


@pytest.fixture
def made() -> Environment:
    """Wheels and a source distribution (termcolor), never built before: BuildKit would remember."""
    bases.make_base("3.10", render.default_base("3.10"), print)
    lock = (paths.locks() / "2.9.3-py3.10-cpu.txt").read_text("utf-8")
    some = [
        line for line in locks.lines(lock) if line.startswith(("numpy=", "termcolor=", "gast="))
    ]
    assert len(some) == 3
    text = "".join(f"{line}\n" for line in (*some, *locks.lines(test_docker.SIX)))
    plain = test_docker.environment("3.10", f"# {uuid.uuid4()}\n{text}")
    return evolve(plain, target=evolve(plain.target, requirements=("six",)))


def silent(_: Phase) -> None:
    """Nobody looks at the progress."""


@pytest.mark.parametrize("order", ["local, docker", "docker, local"])
def test_each_wheel_is_downloaded_once_for_both_engines(
    counting: Index, made: Environment, tmp_path: Path, order: str
) -> None:
    engines: dict[str, Engine] = {
        "local": LocalEngine(tmp_path / "environments"),
        "docker": DockerEngine(),
    }
    first, second = (engines[name] for name in order.split(", "))
    try:
        first.prepare(made, silent)
        once = {name: n for name, n in counting.fetched.items() if name.endswith(".whl")}
        assert [name for name in once if name.startswith("numpy-1.23.5-cp310-")]
        second.prepare(made, silent)
        assert first.prepared(made)
        assert second.prepared(made)
        wheels = {name: n for name, n in counting.fetched.items() if name.endswith(".whl")}
        ours = {name for name in wheels if name.startswith(("numpy", "six", "gast"))}
        assert len(ours) == 3
        assert {name: wheels[name] for name in ours} == dict.fromkeys(ours, 1)
    finally:
        for engine in engines.values():
            engine.drop(made)


def test_under_a_limit_on_the_disk_nothing_is_kept_for_others(
    counting: Index, made: Environment, tmp_path: Path
) -> None:
    engine = DockerEngine(apart=True)
    try:
        engine.prepare(made, silent)
        assert engine.prepared(made)
    finally:
        engine.drop(made)
    local = LocalEngine(tmp_path / "environments", apart=True)
    local.prepare(made, silent)
    assert local.prepared(made)
    assert not list((tmp_path / "cache").rglob("*.whl"))
