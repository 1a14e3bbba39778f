"""What several files of these tests need."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import engines
from runner.cells import results
from runner.cli import from_issue
from runner.environments import locks
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
