"""The bytecode that local environments share."""

from __future__ import annotations

import compileall
import importlib.machinery
import os
import platform
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import paths
from runner.engines.local import bytecode

VERSION = platform.python_version()
TEXT = "def place():\n    return place.__code__.co_filename\n"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    paths.mark_cache()


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return packages(tmp_path, "first", 1_600_000_000)


def packages(folder: Path, name: str, time: float, text: str = TEXT) -> Path:
    """A `site-packages` with one module of a package, last changed at `time`."""
    module = folder / name / "package" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text(text)
    os.utime(module, (time, time))
    return folder / name


def module_of(folder: Path) -> Path:
    return folder / "package" / "module.py"


def compile_in(folder: Path) -> list[Path]:
    """Compile as an environment does; returns the modules that had to be compiled."""
    with bytecode.sharing(VERSION, lambda: None) as shared:
        missing = shared.place(folder)
        compileall.compile_dir(folder, quiet=2)
        shared.keep(missing)
    return list(missing)


def kept() -> list[Path]:
    return sorted((paths.bytecode() / VERSION).iterdir())


class _NeverCompiles(importlib.machinery.SourceFileLoader):
    def source_to_code(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise AssertionError("there is bytecode for it")


def said_by(module: Path) -> str:
    """What `place` of `module` returns, imported from its bytecode."""
    code = _NeverCompiles("module", str(module)).get_code("module")
    assert code is not None
    names: dict[str, object] = {}
    exec(code, names)
    place = names["place"]
    assert callable(place)
    return str(place())


def test_one_text_is_compiled_once_and_tells_its_own_place(first: Path, tmp_path: Path) -> None:
    second = packages(tmp_path, "second", 1_700_000_000)
    assert compile_in(first) == [module_of(first)]
    assert compile_in(second) == []
    assert said_by(module_of(second)) == str(module_of(second))
    assert said_by(module_of(first)) == str(module_of(first))


def test_a_text_that_an_environment_has_twice_is_kept_once(first: Path, tmp_path: Path) -> None:
    twice = first / "other.py"
    twice.write_text(TEXT)
    assert set(compile_in(first)) == {module_of(first), twice}
    assert len(kept()) == 1
    assert said_by(twice) == str(twice)


def test_environments_with_the_same_file_have_the_same_bytecode(
    first: Path, tmp_path: Path
) -> None:
    second = packages(tmp_path, "second", 1_600_000_000)
    compile_in(first)
    compile_in(second)
    one, two = (bytecode.compiled(module_of(folder), VERSION) for folder in (first, second))
    assert one.stat().st_ino == two.stat().st_ino == kept()[0].stat().st_ino


def test_another_text_of_the_same_size_and_time_is_compiled(first: Path, tmp_path: Path) -> None:
    second = packages(tmp_path, "second", 1_600_000_000, TEXT.replace("place", "where"))
    compile_in(first)
    assert compile_in(second) == [module_of(second)]


@pytest.mark.parametrize("content", [b"", b"x" * 400])
def test_damaged_bytecode_is_not_used(first: Path, tmp_path: Path, content: bytes) -> None:
    second = packages(tmp_path, "second", 1_700_000_000)
    compile_in(first)
    (file,) = kept()
    file.write_bytes(content)
    assert compile_in(second) == [module_of(second)]
    assert said_by(module_of(second)) == str(module_of(second))
    assert kept()[0].read_bytes() != content


def test_what_another_process_removes_meanwhile_is_compiled(first: Path, tmp_path: Path) -> None:
    second = packages(tmp_path, "second", 1_700_000_000)
    compile_in(first)
    (file,) = kept()
    file.unlink()
    file.symlink_to(tmp_path / "gone")
    assert compile_in(second) == [module_of(second)]


def test_a_module_that_does_not_compile_has_none(tmp_path: Path) -> None:
    old = packages(tmp_path, "old", 1_600_000_000, "print 'Python 2'\n")
    assert compile_in(old) == [module_of(old)]
    assert kept() == []


def test_python_36_has_a_shorter_header(first: Path, tmp_path: Path) -> None:
    second = packages(tmp_path, "second", 1_700_000_000)
    with bytecode.sharing("3.6.15", lambda: None) as shared:
        missing = shared.place(first)
        file = bytecode.compiled(module_of(first), "3.6.15")
        file.parent.mkdir()
        file.write_bytes(b"3\r\r\n" + struct.pack("<II", 1_600_000_000, len(TEXT)) + b"code")
        shared.keep(missing)
        assert shared.place(second) == {}
    assert bytecode.compiled(module_of(second), "3.6.15").read_bytes() == (
        b"3\r\r\n" + struct.pack("<II", 1_700_000_000, len(TEXT)) + b"code"
    )


def test_it_goes_with_the_environments_that_use_it(first: Path, tmp_path: Path) -> None:
    second = packages(tmp_path, "second", 1_600_000_000)
    compile_in(first)
    compile_in(second)
    shutil.rmtree(first)
    bytecode.release()
    assert len(kept()) == 1
    assert list(bytecode.inventory()) == []
    shutil.rmtree(second)
    (unused,) = bytecode.inventory()
    assert unused.size > 0
    unused.remove()
    assert kept() == []


def test_what_another_process_removes_meanwhile_is_not_listed(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_in(first)
    shutil.rmtree(first)
    real = os.scandir

    def seen_and_gone(folder: Path) -> Iterator[os.DirEntry[str]]:
        for entry in real(folder):
            os.unlink(entry)  # noqa: PTH108
            yield entry

    monkeypatch.setattr(os, "scandir", seen_and_gone)
    assert list(bytecode.inventory()) == []
