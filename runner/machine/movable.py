"""Finds interpreters of this machine that can be copied elsewhere, and copies them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Optional

from attrs import frozen

from runner.machine import interpreters


@frozen(kw_only=True)
class Movable:
    """A CPython below `prefix`, with all its files except system libraries."""

    version: str
    executable: Path
    prefix: Path
    stdlib: Path
    include: Path


def find_movable(python: str) -> Optional[Movable]:
    """The first interpreter for `python` ("3.7") on this machine that can be copied, or None."""
    found = (_describe(path, python) for _, path in interpreters.interpreter_candidates(python))
    return next((interpreter for interpreter in found if interpreter is not None), None)


def copy_interpreter(interpreter: Movable, target: Path, libraries: Path) -> None:
    """Copies `interpreter` and its libraries to `target`, so that it works in /usr/local."""
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


_QUESTION = """
import json, platform, sys, sysconfig
print(json.dumps([platform.python_implementation(), platform.python_version(), sys.base_prefix,
                  sysconfig.get_path("stdlib"), sysconfig.get_path("include")]))
"""


def _describe(path: Path, python: str) -> Optional[Movable]:
    asked = subprocess.run(
        [str(path), "-Ic", _QUESTION], capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        return None
    implementation, version, base, stdlib, include = json.loads(asked.stdout)
    prefix = Path(base).resolve()
    # A distribution's own Python is patched and spread over packages, so it cannot be copied.
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
    """Replaces the place of the build in the build settings by the new place."""
    for file in (*stdlib.glob("_sysconfigdata*.py"), *stdlib.glob("config-*/Makefile")):
        text = file.read_text("utf-8", errors="surrogateescape")
        moved = text.replace(prefix, "/usr/local")
        file.write_text(moved, "utf-8", errors="surrogateescape")


def _libraries(interpreter: Movable) -> list[Path]:
    """The shared libraries that the interpreter and its extension modules load, except glibc."""
    modules = [
        module
        for module in (interpreter.stdlib / "lib-dynload").glob("*.so")
        if not _NEVER_LOADED.match(module.name)
    ]
    command = ["ldd", str(interpreter.executable), *map(str, modules)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {Path(path) for path in re.findall(r"^\s+\S+ => (/\S+)", said, re.MULTILINE)}
    return sorted(path for path in found if not _GLIBC.match(path.name))
