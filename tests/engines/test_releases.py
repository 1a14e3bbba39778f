"""A release that the catalogue lost is found again, on the real index."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.tensorflow
def test_what_people_wrote_and_locked_comes_back_to_the_letter(tmp_path: Path) -> None:
    """2.20.0: the entry, and both locks. It is not run here; `--prove` is the same as `run`."""
    for name in ("runner", "docker", "repro"):
        shutil.copytree(ROOT / name, tmp_path / name)
    file = tmp_path / "docker" / "releases.yaml"
    text = file.read_text("utf-8")
    cut = re.sub(r'"2\.20":\n(?:(?:  .*)?\n)*?(?=")', "", text)
    assert "2.20.0" not in cut
    file.write_text(cut, "utf-8")
    for lock in file.parent.glob("locks/2.20.0-*"):
        lock.unlink()
    command = [sys.executable, "-m", "runner", "releases", "--update", "--no-prove"]
    env = {**os.environ, "TFMATRIX_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert file.read_text("utf-8") == text
    committed = sorted((ROOT / "docker" / "locks").glob("2.20.0-*"))
    assert len(committed) == 2
    for lock in committed:
        assert (file.parent / "locks" / lock.name).read_text("utf-8") == lock.read_text("utf-8")
