"""What several files of these tests need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner import engines
from runner.cells import results
from runner.cli import from_issue
from runner.environments import locks
from tests.engines.dask_cluster import Cluster, Desk
from tests.engines.plain import PlainEngine, locked
from tests.unit import github_server


@pytest.fixture
def plain_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run commands in: with the plain engine, and without a package index."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GITHUB_TOKEN", github_server.TOKEN)
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: PlainEngine())
    monkeypatch.setattr(from_issue, "sandbox_engine", lambda engine, unsandboxed: "plain")
    monkeypatch.setattr(locks, "environment", locked)
    # Scripts of tests stand in for scripts that import TensorFlow.
    monkeypatch.setattr(results, "why_silent", lambda execution, script: None)
    return tmp_path


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler that no worker has joined yet."""
    with closing(Cluster(tmp_path)) as made:
        yield made


@pytest.fixture
def desk(dask: Cluster) -> Desk:
    """A desk for plans that a Dask cluster carries out; some files have another one."""
    return Desk(dask)
