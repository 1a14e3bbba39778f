"""Finds CPython interpreters on this machine, checks them by running them, or lets uv fetch
them."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import platformdirs
import uv
from attrs import frozen

from runner import paths
from runner.machine import files, processes
from runner.machine.derived_cache import cache_slot, cached_result

OLDEST_FETCHED = (3, 8)
"""The first Python that uv can fetch."""
TOO_OLD = "uv fetches no Python before 3.8"

_PROBE = """
import ctypes, json, platform, struct, sys, sysconfig, zlib
free = sysconfig.get_config_var("Py_GIL_DISABLED")
print(json.dumps([platform.python_version(), platform.python_implementation(),
                  struct.calcsize("P"), bool(free), sys.executable]))
"""
_PATIENCE = 30.0
_FETCH_PATIENCE = 300.0
# The variables that uv gets from the caller. An index, certificates and caches belong to the
# machine, but other settings must not change which packages are resolved and installed. uv
# gets nothing else: the packages that it builds would see it, and variables often hold tokens.
_PASSED = (
    "HOME LANG LC_ LOGNAME PATH TMPDIR USER XDG_ NETRC SSL_CERT_ "
    "UV_CACHE_DIR UV_CONCURRENT_ UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_HTTP_ "
    "UV_INDEX UV_INSECURE_HOST UV_KEYRING_PROVIDER UV_NATIVE_TLS UV_OFFLINE UV_PYTHON_CPYTHON_ "
    "UV_PYTHON_DOWNLOADS UV_PYTHON_INSTALL_ UV_REQUEST_TIMEOUT UV_SSL_ UV_SYSTEM_CERTS"
)


@frozen(kw_only=True)
class Interpreter:
    """A 64-bit CPython that works."""

    path: Path
    version: str
    """`3.7.16`."""
    source: str
    """`PATH`, `pyenv`, `conda` or `uv`."""


_found: dict[str, Interpreter] = {}
_unfetchable: dict[str, str] = {}
_lock = threading.Lock()
_finding_uv = threading.Lock()


def find_interpreter(python: str) -> Optional[Interpreter]:
    """The interpreter for `python` ("3.7") on this machine, or None. Fetches nothing."""
    with _lock:
        return _find(python)


def obtain_interpreter(python: str) -> tuple[Optional[Interpreter], str]:
    """The interpreter for `python`, fetched by uv if needed; or None and the reason.

    A failure is remembered, so that a machine without a network waits for it only once.
    """
    with _lock:
        interpreter = _find(python)
        if interpreter is None and python not in _unfetchable:
            _unfetchable[python] = _fetch(python)
            interpreter = _find(python)
        return interpreter, "" if interpreter else _unfetchable[python]


def uv_command() -> str:
    """The path of the uv on which tfmatrix depends."""
    # uv reads Python's sysconfig, which is built at the first call and not by two threads at once.
    with _finding_uv:
        return _uv_bin()


@functools.cache
def _uv_bin() -> str:
    return str(uv.find_uv_bin())


def uv_environment() -> dict[str, str]:
    """The only variables that uv gets: those for reaching the index and its folders."""
    passed = tuple(_PASSED.split())
    proxies = ("all_proxy", "http_proxy", "https_proxy", "no_proxy")
    given = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(passed) or name.lower() in proxies
    }
    return {**_own_uv_folders(), **given}


def _own_uv_folders() -> dict[str, str]:
    """Folders of our cache for uv, in place of those below a home folder that cannot be written."""
    places = {
        "UV_CACHE_DIR": (platformdirs.user_cache_path, paths.packages),
        "UV_PYTHON_INSTALL_DIR": (platformdirs.user_data_path, paths.pythons),
    }
    return {
        name: str(own())
        for name, (usual, own) in places.items()
        if not _is_usable(usual("uv", appauthor=False))
    }


def _is_usable(folder: Path) -> bool:
    """Not so for a user without a home folder, whose path begins with `~`."""
    return folder.is_absolute() and files.is_writable(folder)


def _find(python: str) -> Optional[Interpreter]:
    if python not in _found:
        for source, path in interpreter_candidates(python):
            interpreter = _probe(source, path, python)
            if interpreter is not None:
                _found[python] = interpreter
                break
    return _found.get(python)


# Where interpreters lie -------------------------------------------------------------------


def interpreter_candidates(python: str) -> Iterator[tuple[str, Path]]:
    """(source, executable) for each candidate for `python`, the preferred ones first."""
    name = f"python{python}"
    shims = _pyenv_root() / "shims"  # they only lead to the candidates below, slowly
    for entry in os.get_exec_path():
        if Path(entry) != shims:
            yield from _existing("PATH", Path(entry) / name)
    for folder in _newest_first(_pyenv_root() / "versions", f"{python}.*"):
        yield from _existing("pyenv", folder / "bin" / name)
    for prefix in _conda_prefixes():
        yield from _existing("conda", prefix / "bin" / name)
    for folder in _newest_first(_uv_root(), f"cpython-{python}.*"):
        yield from _existing("uv", folder / "bin" / name)


def _existing(source: str, path: Path) -> Iterator[tuple[str, Path]]:
    if os.access(path, os.X_OK) and path.is_file():
        yield source, path


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    """Folders such as 3.8.9 and 3.8.18, or cpython-3.8.18-linux-x86_64-gnu; newest patch first."""
    return sorted(_entries(folder, pattern), key=lambda path: _numbers(path.name), reverse=True)


def _entries(folder: Path, pattern: str) -> list[Path]:
    """The matching entries; empty if the folder is missing or belongs to another user.

    PYENV_ROOT may be inherited from that user.
    """
    try:
        there = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in there if fnmatch.fnmatchcase(path.name, pattern)]


def _numbers(name: str) -> tuple[int, ...]:
    version = name.removeprefix("cpython-").partition("-")[0].partition("+")[0]
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or paths.home() / ".pyenv")


def _conda_prefixes() -> Iterator[Path]:
    """Conda's environments, from its list and the usual places, because conda itself takes
    seconds."""
    home = paths.home()
    with contextlib.suppress(OSError):
        listed = (home / ".conda" / "environments.txt").read_text("utf-8", "replace")
        yield from (Path(line) for line in listed.split("\n") if line)
    roots = [Path(os.environ[name]).parents[1] for name in ("CONDA_EXE",) if os.environ.get(name)]
    names = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba")
    roots += [home / name for name in names] + [Path("/opt/conda"), Path("/opt/miniconda3")]
    for root in roots:
        yield from _entries(root / "envs", "*")
        yield root


@functools.cache
def _uv_root() -> Path:
    asked = processes.run([uv_command(), "python", "dir"], env=uv_environment())
    return Path(asked.stdout.strip() or "/nonexistent")


# Whether one works -------------------------------------------------------------------------


def _probe(source: str, path: Path, python: str) -> Optional[Interpreter]:
    """The interpreter if it works. One that worked runs again only after its file changed."""
    real = os.path.realpath(path)
    identity = _identity(real)
    if identity is None:
        return _run(source, path, python)
    try:
        return cached_result(
            cache_slot("interpreter", f"{path} {python}"),
            (real, identity, source, python),
            lambda: _working(source, path, python),
            write=lambda found: [str(found.path), found.version],
            read=lambda entry: Interpreter(path=Path(entry[0]), version=entry[1], source=source),
        )
    except LookupError:
        return None


def _identity(path: str) -> Optional[str]:
    """A mark that changes with the program at `path`; None for a
    script, which may start another program."""
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            script = file.read(2) == b"#!"
    except OSError:
        return None
    return None if script else f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"


def _working(source: str, path: Path, python: str) -> Interpreter:
    """The interpreter. Raises `LookupError`, which is not stored because the user may repair it."""
    found = _run(source, path, python)
    if found is None:
        raise LookupError(f"{path} does not work")
    return found


def _run(source: str, path: Path, python: str) -> Optional[Interpreter]:
    """Runs it: a pyenv shim may have no target, and a build may lack modules or be 32-bit."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        answer = processes.run([str(path), "-I", "-c", _PROBE], env=env, timeout=_PATIENCE)
        version, implementation, pointer, free_threaded, real = json.loads(answer.stdout)
    except (OSError, ValueError, TypeError, subprocess.TimeoutExpired):
        return None
    if implementation != "CPython" or pointer != 8 or free_threaded or answer.returncode:
        return None
    if version.split(".")[:2] != python.split("."):
        return None
    return Interpreter(path=Path(real), version=version, source=source)


def _fetch(python: str) -> str:
    """Lets uv fetch `python`. Returns why it could not; "" if it did."""
    if tuple(map(int, python.split("."))) < OLDEST_FETCHED:
        return TOO_OLD
    if os.environ.get("UV_PYTHON_DOWNLOADS") == "never":
        return "UV_PYTHON_DOWNLOADS=never"
    command = [uv_command(), "python", "install", "--no-bin", "--no-progress", python]
    env = {"UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "1", **uv_environment()}
    try:
        done = processes.run(command, env=env, timeout=_FETCH_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"no answer in {_FETCH_PATIENCE:.0f} s"
    return "" if done.returncode == 0 else _gist(done.stderr)


def _gist(stderr: str) -> str:
    """What uv could not do and the last cause that it names, on one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    causes = [line.partition("cause:")[2].strip() for line in lines if line.startswith("cause:")]
    what = next((line for line in lines if line.startswith("error:")), lines[0] if lines else "")
    said = [what.removeprefix("error:").strip(), *causes[-1:]]
    return ": ".join(filter(None, said)) or "uv could not fetch it"
