"""The scripts that are run: the shipped reproduction, and a light one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.records import Place, Work
from runner.matrix import config

ROOT = Path(__file__).parents[1]
SHIPPED = "keras-batchnorm"
LIGHT = Path(__file__).with_name("light.py")


def shipped_cases() -> tuple[str, ...]:
    """The shipped reproduction's. Each takes its own name as its one argument."""
    matrix = config.load_matrix(ROOT / "matrix.yaml")
    (repro,) = [repro for repro in matrix.repros if repro.name == SHIPPED]
    return tuple(case.name for case in repro.cases if case.args == (case.name,))


def light_cases(count: int) -> tuple[str, ...]:
    return tuple(f"case-{number:03}" for number in range(count))


def shipped(places: Sequence[Place], cases: Sequence[str], folder: Path) -> Work:
    return _work("shipped", ROOT / "repro" / "keras_batchnorm.py", places, cases, folder)


def light(places: Sequence[Place], cases: Sequence[str], folder: Path) -> Work:
    return _work("light", LIGHT, places, cases, folder)


def _work(
    name: str, script: Path, places: Sequence[Place], cases: Sequence[str], folder: Path
) -> Work:
    """A copy of the script that containers can read too, beside a matrix.yaml that names it."""
    own = folder / name
    own.mkdir(mode=0o755, exist_ok=True)
    copy = own / script.name
    shutil.copyfile(script, copy)
    copy.chmod(0o644)
    matrix = own / f"matrix-{len(cases)}.yaml"
    entries = [{"name": case, "args": [case]} for case in cases]
    repro = {"name": name, "script": script.name, "cases": entries}
    matrix.write_text(json.dumps({"tf": ">=1.12", "repros": [repro]}, indent=1), encoding="utf-8")
    return Work(name=name, script=copy, cases=tuple(cases), places=tuple(places), matrix=matrix)
