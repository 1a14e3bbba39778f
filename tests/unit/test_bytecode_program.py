"""docker/bytecode.py: what images' modules are compiled with, on the oldest and a new Python."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner import paths
from runner.machine import interpreters

PROGRAM = paths.data_folder() / "bytecode.py"
VERSIONS = ("3.6", "3.7", "3.13")
ONE = "def answer():\n    assert True, 'an assertion'\n    return 42\n"
MODULES = {
    "same/__init__.py": b"",
    "same/one.py": ONE.encode("utf-8"),
    "same/two.py": ONE.encode("utf-8"),
    "same/deep/er/three.py": b"from ...two import answer\n",
    "python2.py": b"print 'for Python 2'\n",
    "odd.py": b"# -*- coding: latin-1 -*-\nNAME = '\xe9'\n",
}


@pytest.fixture(params=[None, *VERSIONS], ids=["own", *VERSIONS])
def python(request: pytest.FixtureRequest) -> str:
    if request.param is None:
        return sys.executable
    found = interpreters.find_interpreter(request.param)
    if found is None:
        pytest.skip(f"LEFT OUT: no Python {request.param} on this machine")
    return str(found.path)


@pytest.fixture
def image(tmp_path: Path) -> Callable[[str], Path]:
    """A function that makes the packages of an image, as `uv pip install` leaves them."""

    def lay_down(name: str) -> Path:
        for path, text in MODULES.items():
            module = tmp_path / name / path
            module.parent.mkdir(parents=True, exist_ok=True)
            module.write_bytes(text)
            when = 1_700_000_000 + len(name)
            os.utime(module, (when, when))
        (tmp_path / name / "nothing.py").symlink_to("gone.py")
        return tmp_path / name

    return lay_down


def compiled(python: str, folder: Path, *store: Path) -> dict[str, bytes]:
    """What the program leaves: module → its bytecode, if Python takes it as that."""
    subprocess.run([python, str(PROGRAM), str(folder), *map(str, store)], check=True, timeout=60)
    found = {}
    for path in folder.rglob("__pycache__/*.pyc"):
        module = path.parents[1] / f"{path.name.partition('.')[0]}.py"
        found[str(module.relative_to(folder))] = path.read_bytes()
    return found


def imports(python: str, folder: Path, *modules: str) -> str:
    """What Python tells of where it has their bytecode from."""
    command = [python, "-B", "-v", "-c", "import " + ", ".join(modules)]
    done = subprocess.run(
        command, cwd=folder, check=True, timeout=60, stderr=subprocess.PIPE, text=True
    )
    return done.stderr


def test_each_module_has_the_bytecode_that_python_would_make(
    python: str, image: Callable[[str], Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    first = compiled(python, image("one"), store)
    assert set(first) == set(MODULES) - {"python2.py"}
    second = compiled(python, image("another"), store)
    alone = compiled(python, image("without"))
    assert set(first) == set(second) == set(alone)
    for name in ("one", "another", "without"):
        told = imports(python, tmp_path / name, "same.one", "same.deep.er.three", "odd")
        for module in ("same/one.py", "same/two.py", "same/deep/er/three.py", "odd.py"):
            assert f"matches {tmp_path / name / module}" in told, told


def test_what_is_in_the_store_is_not_compiled_again(
    python: str, image: Callable[[str], Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    compiled(python, image("one"), store)
    planted = kept(store, ONE)
    planted.write_bytes(sealed(b"of another image"))
    found = compiled(python, image("another"), store)
    assert found["same/one.py"].endswith(b"of another image")
    assert found["same/one.py"] == found["same/two.py"]
    assert b"of another image" not in found["same/__init__.py"]


@pytest.mark.parametrize("damage", [b"", b"half", b"x" * 100], ids=["empty", "half", "wrong"])
def test_a_damaged_file_of_the_store_is_replaced(
    image: Callable[[str], Path], tmp_path: Path, damage: bytes
) -> None:
    store = tmp_path / "store"
    compiled(sys.executable, image("one"), store)
    kept(store, ONE).write_bytes(damage)
    found = compiled(sys.executable, image("two"), store)["same/one.py"]
    assert found == compiled(sys.executable, tmp_path / "two")["same/one.py"]
    assert kept(store, ONE).read_bytes() == sealed(found[16:])


def test_another_images_bytecode_does_what_the_module_says(
    python: str, image: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("one", "another"):
        compiled(python, image(name), tmp_path / "store")
    text = "from same.two import answer; assert answer() == 42; print(answer.__code__.co_filename)"
    done = subprocess.run(
        [python, "-B", "-c", text],
        cwd=tmp_path / "another",
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout.strip() == str(tmp_path / "another/same/two.py")


def test_a_python_that_optimises_has_other_bytecode(
    image: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    compiled(sys.executable, image("without asserts"), tmp_path / "store")
    monkeypatch.delenv("PYTHONOPTIMIZE")
    found = compiled(sys.executable, image("plain"), tmp_path / "store")
    assert b"an assertion" in found["same/one.py"]


def test_several_builds_may_fill_a_store_at_once(
    image: Callable[[str], Path], tmp_path: Path
) -> None:
    store, folders = tmp_path / "store", [image(f"image-{number}") for number in range(4)]
    with ThreadPoolExecutor(len(folders)) as pool:
        found = list(pool.map(lambda folder: compiled(sys.executable, folder, store), folders))
    assert all(set(each) == set(MODULES) - {"python2.py"} for each in found)
    last = compiled(sys.executable, image("last"), store)
    assert last["same/one.py"].endswith(kept(store, ONE).read_bytes()[32:])


def test_a_module_that_can_have_no_bytecode_hinders_no_other(
    python: str, image: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = image("one")
    (folder / f"{'x' * 245}.py").write_text("", "utf-8")
    (folder / "blocked").mkdir()
    (folder / "blocked" / "module.py").write_text("", "utf-8")
    (folder / "blocked" / "__pycache__").write_text("", "utf-8")
    assert set(compiled(python, folder, tmp_path / "store")) == set(MODULES) - {"python2.py"}


def test_what_is_compiled_stays_as_it_is(image: Callable[[str], Path], tmp_path: Path) -> None:
    folder, store = image("one"), tmp_path / "store"
    before = compiled(sys.executable, folder, store)
    kept(store, ONE).write_bytes(sealed(b"other"))
    assert compiled(sys.executable, folder, store) == before


def test_a_module_of_the_same_time_and_another_size_is_compiled(
    image: Callable[[str], Path], tmp_path: Path
) -> None:
    folder, store = image("one"), tmp_path / "store"
    before = compiled(sys.executable, folder, store)
    changed, text = folder / "same" / "one.py", "ANSWER = 'of the same time'\n"
    when = changed.stat().st_mtime
    changed.write_text(text, "utf-8")
    os.utime(changed, (when, when))
    after = compiled(sys.executable, folder, store)
    assert {name for name in after if after[name] != before[name]} == {"same/one.py"}
    assert b"of the same time" in after["same/one.py"]
    assert b"of the same time" in kept(store, text).read_bytes()


def kept(store: Path, text: str) -> Path:
    (found,) = store.glob(f"*/{hashlib.sha256(text.encode('utf-8')).hexdigest()}")
    return found


def sealed(code: bytes) -> bytes:
    return hashlib.sha256(code).digest() + code
