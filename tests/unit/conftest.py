"""What several files of unit tests need."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from runner import engines
from runner.errors import EngineUnavailableError


@pytest.fixture
def asked_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that were asked for, in an empty folder where none answers."""
    asked: list[str] = []

    def choose(name: str, *_: object) -> None:
        asked.append(name)
        raise EngineUnavailableError("no daemon answers")

    monkeypatch.setattr(engines, "choose", choose)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return asked


@pytest.fixture
def only_the_local_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were no Docker. What reads the engines' names once has done so before, so that
    the options of other tests' commands keep all of them."""
    for module in ("runner.cli.backend", "runner.cli.clean"):
        importlib.import_module(module)
    monkeypatch.setattr(engines, "ENGINES", {"local": engines.ENGINES["local"]})
