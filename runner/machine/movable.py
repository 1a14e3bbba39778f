"""Interpreters of this machine that can be copied elsewhere, with all that they need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from attrs import frozen


@frozen(kw_only=True)
class Movable:
    """A CPython all of which lies under `prefix`, but for system libraries."""

    version: str
    executable: Path
    prefix: Path
    stdlib: Path
    include: Path


def find(python: str) -> Optional[Movable]:
    """A movable `python` ("3.7"): of pyenv, uv, conda or PATH; the newest patch release first."""
    found = (_describe(path, python) for path in _candidates(python))
    return next((interpreter for interpreter in found if interpreter is not None), None)


def copy(interpreter: Movable, target: Path, libraries: Path) -> None:
    """Lay out `interpreter` as it will lie in /usr/local, and in `libraries` what it loads."""
    python = interpreter.version.rpartition(".")[0]
    stdlib = target / interpreter.stdlib.relative_to(interpreter.prefix)
    shutil.copytree(interpreter.stdlib, stdlib, symlinks=True, ignore=_LEFT_OUT)
    (stdlib / "site-packages").mkdir(exist_ok=True)
    if interpreter.include.is_dir():
        where = interpreter.include.relative_to(interpreter.prefix)
        shutil.copytree(interpreter.include, target / where, symlinks=True)
    (target / "bin").mkdir()
    shutil.copy2(interpreter.executable, target / "bin" / f"python{python}")
    _move_settings(stdlib, str(interpreter.prefix))
    libraries.mkdir()
    for library in _libraries(interpreter):
        inside = interpreter.prefix in library.resolve().parents
        shutil.copy2(library, (target / "lib" if inside else libraries) / library.name)


_LEFT_OUT = shutil.ignore_patterns(
    *("__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo"),
    *("EXTERNALLY-MANAGED", "*.a", "_tkinter*", "_test*.so", "_ctypes_test*"),
)
_NEVER_LOADED = re.compile(r"_tkinter|_test|_ctypes_test")
_GLIBC = re.compile(r"(ld-linux.*|lib(c|m|dl|pthread|rt|util|resolv))[-.]")


def _candidates(python: str) -> Iterator[Path]:
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    conda = [home / name for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")]
    prefixes = [
        *sorted(pyenv.glob(f"{python}.*"), key=_patch, reverse=True),
        *sorted(uv.glob(f"cpython-{python}.*"), key=_patch, reverse=True),
        *(prefix for root in conda for prefix in (*sorted(root.glob("envs/*")), root)),
    ]
    yield from (prefix / "bin" / f"python{python}" for prefix in prefixes)
    yield from (Path(entry) / f"python{python}" for entry in os.get_exec_path())


def _patch(prefix: Path) -> int:
    match = re.search(r"\d+\.\d+\.(\d+)", prefix.name)
    return int(match[1]) if match else -1


_QUESTION = """
import json, platform, sys, sysconfig
print(json.dumps([platform.python_implementation(), platform.python_version(), sys.base_prefix,
                  sysconfig.get_path("stdlib"), sysconfig.get_path("include")]))
"""


def _describe(path: Path, python: str) -> Optional[Movable]:
    if not os.access(path, os.X_OK):
        return None
    asked = subprocess.run(
        [str(path), "-Ic", _QUESTION], capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        return None
    implementation, version, base, stdlib, include = json.loads(asked.stdout)
    prefix = Path(base).resolve()
    # A distribution's own Python is patched and spread over packages: it cannot be moved.
    if (
        implementation != "CPython"
        or prefix == Path("/usr")
        or version.rpartition(".")[0] != python
    ):
        return None
    return Movable(
        version=version,
        executable=(prefix / "bin" / f"python{python}").resolve(),
        prefix=prefix,
        stdlib=Path(stdlib).resolve(),
        include=Path(include).resolve(),
    )


def _move_settings(stdlib: Path, prefix: str) -> None:
    """Build settings name the place for which the interpreter was built: say where it lies now."""
    for file in (*stdlib.glob("_sysconfigdata*.py"), *stdlib.glob("config-*/Makefile")):
        text = file.read_text("utf-8", errors="surrogateescape")
        moved = text.replace(prefix, "/usr/local")
        file.write_text(moved, "utf-8", errors="surrogateescape")


def _libraries(interpreter: Movable) -> list[Path]:
    """The shared libraries that the interpreter and its extension modules load, less glibc."""
    modules = [
        module
        for module in (interpreter.stdlib / "lib-dynload").glob("*.so")
        if not _NEVER_LOADED.match(module.name)
    ]
    command = ["ldd", str(interpreter.executable), *map(str, modules)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {Path(path) for path in re.findall(r"^\s+\S+ => (/\S+)", said, re.MULTILINE)}
    return sorted(path for path in found if not _GLIBC.match(path.name))
