"""What counts as a change of installed packages, and what does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.engines.local import intact


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    for name in ("tensorflow/__init__.py", "tensorflow/core/ops.py", "numpy/__init__.py", "six.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n", "utf-8")
    (folder / "tensorflow" / "link.py").symlink_to("core/ops.py")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def cut_off_both(packages: Path) -> None:
    write(packages / "numpy/__init__.py", "")
    write(packages / "tensorflow/__init__.py", "")


def same_size(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text("!" * len(text), "utf-8")
    os.utime(path, ns=(1, 1))


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "longer": (lambda at: write(at / "six.py", "# a longer text\n"), ["six.py"]),
    "as long": (lambda at: same_size(at / "tensorflow/core/ops.py"), ["tensorflow"]),
    "cut off": (lambda at: write(at / "tensorflow/__init__.py", ""), ["tensorflow"]),
    "gone": (lambda at: (at / "tensorflow/core/ops.py").unlink(), ["tensorflow"]),
    "a package gone": (lambda at: shutil.rmtree(at / "numpy"), ["numpy"]),
    "a package more": (lambda at: write(at / "keras/__init__.py", ""), ["keras"]),
    "a file more": (lambda at: write(at / "numpy/core.py", ""), ["numpy"]),
    "two": (cut_off_both, ["numpy", "tensorflow"]),
    "all of it": (shutil.rmtree, ["numpy", "six.py", "tensorflow"]),
    "nothing": (lambda at: None, []),
    "bytecode": (lambda at: write(at / "numpy/__pycache__/x.cpython-310.pyc", "x"), []),
    "read": (lambda at: (at / "six.py").read_text("utf-8"), []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes(name: str, packages: Path) -> None:
    change, expected = CHANGES[name]
    before = intact.fingerprint(packages)
    change(packages)
    assert intact.changed_packages(packages, before) == expected


def test_a_link_to_elsewhere_is_not_followed(packages: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside / "file.py", "one")
    (packages / "numpy" / "data").symlink_to(outside)
    before = intact.fingerprint(packages)
    write(outside / "file.py", "another")
    assert intact.changed_packages(packages, before) == []
