"""Installed from a wheel, with no checkout near, every verb finds what it needs.

The wheel is built from the sdist, as on a release, and installed beside the locked requirements.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.tensorflow

SCRIPT = "import tensorflow as tf; print(tf.__version__)"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `tfmatrix` of an environment that has the wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    source, built, venv = folder / "source", folder / "built", folder / "venv"
    files = _said(["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"])
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    uv = [sys.executable, "-m", "uv"]
    _said(
        [
            *uv,
            "build",
            "--python",
            sys.executable,
            "--no-build-isolation",
            "--out-dir",
            str(built),
            str(source),
        ]
    )
    _said([*uv, "venv", "--python", sys.executable, str(venv)])
    install = [*uv, "pip", "install", "--python", str(venv / "bin/python")]
    _said([*install, "--require-hashes", "-r", str(ROOT / "requirements.txt")])
    _said([*install, "--no-deps", *map(str, built.glob("*.whl"))])
    return venv / "bin/tfmatrix"


def _said(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}:\n{done.stdout}{done.stderr}"
    return done.stdout


def tfmatrix(command: Path, folder: Path, *words: str, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(command), *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my.py").write_text(SCRIPT)
    return tmp_path


def test_nothing_of_the_checkout_is_imported(command: Path, folder: Path) -> None:
    asked = "import runner; print(runner.__file__)"
    where = subprocess.run(
        [str(command.with_name("python")), "-c", asked], cwd=folder, capture_output=True, text=True
    ).stdout
    assert where.startswith(str(command.parent.parent))


def test_every_data_file_of_the_checkout_is_there(command: Path) -> None:
    (installed,) = (command.parent.parent / "lib").glob("python*/site-packages/runner")
    listed = _said(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "runner", "docker"]
    )
    for name in listed.split():
        if (ROOT / name).is_file():
            top, _, rest = name.partition("/")
            assert (installed / ("data" if top == "docker" else "") / rest).is_file(), name


def test_plan(command: Path, folder: Path) -> None:
    planned = json.loads(tfmatrix(command, folder, "plan", "my.py", "--format", "json"))
    assert len({cell["tensorflow"] for cell in planned}) == 26


def test_render(command: Path, folder: Path) -> None:
    tfmatrix(command, folder, "render", "my.py", "--tf", "1.15.5,2.21.0", "--output", "out")
    made = sorted(path.name for path in (folder / "out").rglob("*") if path.is_file())
    assert made.count("Dockerfile") == made.count("requirements.txt") == 2


def test_doctor(command: Path, folder: Path) -> None:
    assert "Traceback" not in tfmatrix(command, folder, "doctor")


def test_a_cell(command: Path, folder: Path) -> None:
    tfmatrix(
        command, folder, "run", "my.py", "--tf", "2.9.3", "--engine", "local", "--output", "out"
    )
    (cell,) = json.loads((folder / "out/matrix.json").read_text())["cells"]
    assert (cell["outcome"], cell["tensorflow"]) == ("pass", "2.9.3")


def test_what_a_user_locks_goes_to_the_cache(
    command: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = folder / "cache"
    monkeypatch.setenv("TFMATRIX_CACHE", str(cache))
    said = tfmatrix(command, folder, "lock", "my.py", "--tf", "2.9.3", "--no-prove")
    (lock,) = (cache / "locks").glob("2.9.3-*.txt")
    assert str(lock) in said


def test_workers_of_a_cluster_are_offered(command: Path, folder: Path) -> None:
    assert "--cluster" in tfmatrix(command, folder, "run", "--help")
