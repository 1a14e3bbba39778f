"""The cache of unpacked packages, which local environments are linked from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runner import paths
from runner.engines.local import packages

UNPACKED = "w9ARm06lq5AsVsRZ"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An unpacked package with two files that no environment uses."""
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path))
    paths.mark_cache()
    folder = paths.packages() / "archive-v0" / UNPACKED
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("1")
    (folder / "two.py").write_text("2")
    return folder


def killed_half_way(folder: Path, **_: object) -> None:
    next(iter(sorted(folder.iterdir()))).unlink()
    raise KeyboardInterrupt


def test_a_removal_that_is_killed_leaves_no_half_of_a_package(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv takes a folder that is there for a whole package, and would install the half."""
    inodes = {file.stat().st_ino for file in package.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed_half_way)
        with pytest.raises(KeyboardInterrupt):
            packages.release(inodes)
    assert not package.exists()
    (rest,) = package.parent.iterdir()
    assert [file.name for file in rest.iterdir()] == ["two.py"]
    os.utime(rest, (0, 0))
    (left,) = packages.inventory()
    left.remove()
    assert list(package.parent.iterdir()) == []


def test_a_package_that_an_environment_uses_stays(package: Path) -> None:
    os.link(package / "one.py", paths.packages() / "linked.py")
    packages.release({file.stat().st_ino for file in package.iterdir()})
    assert sorted(file.name for file in package.iterdir()) == ["one.py", "two.py"]


def test_what_another_process_removes_meanwhile_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_packages", lambda: iter([tmp_path / "gone"]))
    assert list(packages.inventory()) == []
