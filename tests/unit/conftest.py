"""What several files of unit tests need."""

from __future__ import annotations

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
