"""SIGKILL at random moments of real runs: the journal is always readable, nothing measured is lost
or measured twice, and what the dead left behind is gone after the next run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.torture.machines.world import NAMESPACE, ROOT

KILLS = int(os.environ.get("TFMATRIX_KILLS", "50"))
SEED = os.environ.get("TFMATRIX_SEED", "1")


def toll(folder: Path, engine: str, kills: int) -> dict[str, Any]:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0:
        pytest.skip("no namespaces may be made here")
    module = "tests.torture.machines.killing"
    command = [*NAMESPACE, sys.executable, "-m", module, str(folder), engine, str(kills), SEED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any], kills: int) -> None:
    print(found)
    assert found["kills"] == kills
    assert found["recorded"] > 0
    for harm in ("unreadable", "torn", "lost", "doubled", "wrong", "left"):
        assert found[harm] == [], harm


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kills", [5, pytest.param(KILLS, marks=pytest.mark.torture)])
def test_local(tmp_path: Path, kills: int) -> None:
    check(toll(tmp_path / "world", "local", kills), kills)


@pytest.mark.docker
@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_docker(tmp_path: Path) -> None:
    kills = -(-KILLS // 5)
    check(toll(tmp_path / "world", "docker", kills), kills)
