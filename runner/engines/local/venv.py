"""One virtual environment from a lock, made by uv: installed, byte-compiled, shown to import."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Optional

from packaging.version import InvalidVersion, Version

from runner import paths
from runner.engines import remedies
from runner.engines.base import Phase, Progress
from runner.engines.local import bytecode
from runner.errors import PrepareError
from runner.machine import interpreters, processes
from runner.machine.interpreters import Interpreter

REQUIREMENTS = "requirements.txt"
_FILE_AT_END = re.compile(r" \((?:/[^()]*|unknown location)\)$")
"""`cannot import name 'x' from 'inspect' (/usr/lib/python3.11/inspect.py)`."""
_IMPORT = "import tensorflow; print(tensorflow.__version__)"
_IMPORT_PATIENCE = 300.0
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DOWNLOADING = re.compile(r"\s*Downloading (\S+) \(([\d.]+)([KMG]iB)\)")
_DOWNLOADED = re.compile(r"\s*Downloaded (\S+)")
_PREPARED = re.compile(r"\s*Prepared \d+ package")


def make_venv(
    folder: Path,
    interpreter: Interpreter,
    lock: str,
    progress: Progress,
    *,
    apart: bool = False,
) -> None:
    """A virtual environment at `folder`, which may not exist yet. Raises `PrepareError`.

    `apart`: nothing is linked from the cache that environments share, nor kept there.
    """
    progress(Phase(what="creating", detail=f"Python {interpreter.version}"))
    _uv("venv", "--quiet", "--no-project", "--python", str(interpreter.path), str(folder))
    (folder / REQUIREMENTS).write_text(lock, encoding="utf-8")
    if apart:
        cache = folder / ".uv"
        _install(folder, progress, "--cache-dir", str(cache))
        shutil.rmtree(cache)
        progress(Phase(what="compiling"))
        compile_packages(folder)
    else:
        _install(folder, progress)
        _compile_shared(folder, interpreter.version, progress)


def prove_import(folder: Path, version: str) -> None:
    """Raises `PrepareError` unless TensorFlow imports here and is the one asked for.

    What fails here would fail in every cell, and say nothing about the release.
    """
    run_python(folder, "-c", _IMPORT, version=version, patience=_IMPORT_PATIENCE)


def run_python(folder: Path, *args: str, version: str, patience: float) -> None:
    """Run the environment's Python, whose last line must be `version`. Raises `PrepareError`."""
    command = [str(python(folder)), *args]
    try:
        done = processes.run(command, env=environment(folder), cwd=folder, timeout=patience)
    except subprocess.TimeoutExpired:
        raise PrepareError(f"TensorFlow {version} did not import in {patience:.0f} s") from None
    said = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode != 0 or not said:
        raise PrepareError(
            f"TensorFlow {version} does not work in its environment: {_last(done.stderr)}"
            + (f" (signal {-done.returncode})" if done.returncode < 0 else ""),
            remedy=remedies.remedy(done.stderr),
            log=done.stderr[-20_000:],
        )
    if not _same(said[-1], version):
        raise PrepareError(f"TensorFlow {version} was installed, but {said[-1]} was imported")


def environment(folder: Path) -> dict[str, str]:
    """What a process in the environment sees: nothing of the caller's, so no secrets either.

    The time zone is that of containers, so that both engines show the same.
    """
    path = f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"}


_SYSTEM = re.compile(r"(?:/usr(?:/local)?)?/bin$")
"""The folders of system Pythons: their paths name no user."""


def shown_paths(folder: Path) -> dict[str, str]:
    """What its paths are called in reports: nothing there names a folder of this machine."""
    settings: list[str] = []
    with suppress(OSError):  # without one it has no Python of another folder
        settings = (folder / "pyvenv.cfg").read_text("utf-8").splitlines()
    homes = [line.partition("=")[2].strip() for line in settings if line.startswith("home")]
    bases = {str(Path(home).parent): "/usr/local" for home in homes if not _SYSTEM.match(home)}
    return {str(folder): "/environment", str(paths.agent()): "/agent.py", **bases}


def python(folder: Path) -> Path:
    return folder / "bin" / "python"


def packages(folder: Path) -> Path:
    """Its `site-packages`."""
    (found,) = (folder / "lib").glob("python*/site-packages")
    return found


def _compile_shared(folder: Path, version: str, progress: Progress) -> None:
    """Compile what no other environment has compiled. uv uses all cores, so others wait."""
    waiting = Phase(what="waiting", detail="another environment is being compiled")
    with bytecode.sharing(version, lambda: progress(waiting)) as shared:
        progress(Phase(what="compiling"))
        missing = shared.place(packages(folder))
        compile_packages(folder)
        shared.keep(missing)


def compile_packages(folder: Path) -> None:
    """Bytecode for all modules, so that the first import is no slower than the others.

    uv does it, a quarter faster than compileall, except with Python 3.6, which uv does not support.
    Old packages hold files for Python 2, which do not compile and are never imported; so the exit
    code says nothing.
    """
    place = packages(folder)
    if place.parent.name == "python3.6":
        command = [str(python(folder)), "-m", "compileall", "-q", "-j", "0", str(place)]
        processes.run(command, env=environment(folder), cwd=folder)
    else:
        processes.run(_sync_command(folder, "--offline", "--compile-bytecode"), env=_uv_env())


def _install(folder: Path, progress: Progress, *options: str) -> None:
    """Install from uv's cache if it has everything, sdists that were built included."""
    progress(Phase(what="installing"))
    if _sync(folder, progress, "--offline", *options) is not None:
        log = _sync(folder, progress, *options)
        if log is not None:
            raise _failed("the packages could not be installed", log)


def _sync(folder: Path, progress: Progress, *options: str) -> Optional[str]:
    """Install the lock. Returns uv's messages if that failed."""
    command = _sync_command(folder, *options)
    log = list(_observed(processes.stream(command, env=_uv_env(), cwd=folder), progress))
    return None if log.pop() == "exit 0" else "".join(log)


def _sync_command(folder: Path, *options: str) -> list[str]:
    command = [interpreters.uv_command(), "pip", "sync", "--require-hashes"]
    command += ["--link-mode", "hardlink", "--python", str(python(folder)), *options]
    return [*command, str(folder / REQUIREMENTS)]


def _observed(lines: Iterator[str], progress: Progress) -> Iterator[str]:
    """`lines`, while the bytes of the downloads that uv reports are told as progress."""
    sizes: dict[str, int] = {}
    done = 0
    for line in lines:
        started, ended = _DOWNLOADING.match(line), _DOWNLOADED.match(line)
        if started:
            sizes[started[1]] = int(float(started[2]) * _UNITS[started[3]])
        elif ended:
            done += sizes.get(ended[1], 0)
        if started or ended:
            progress(
                Phase(
                    what="downloading",
                    detail=max(sizes, key=lambda name: sizes[name], default=""),
                    bytes_done=done,
                    bytes_total=sum(sizes.values()),
                )
            )
        elif _PREPARED.match(line):  # downloaded and unpacked; now they are linked
            progress(Phase(what="installing"))
        yield line


def _uv(*args: str) -> None:
    done = processes.run([interpreters.uv_command(), "--no-config", *args], env=_uv_env())
    if done.returncode != 0:
        raise _failed("the virtual environment could not be made", done.stderr)


def _uv_env() -> dict[str, str]:
    """uv's settings, with our own cache."""
    return {**interpreters.uv_environment(), "UV_CACHE_DIR": str(paths.packages())}


def _failed(what: str, log: str) -> PrepareError:
    why = _first(log) or "uv was killed, perhaps for memory"
    return PrepareError(f"{what}: {why}", remedy=remedies.remedy(log), log=log)


def _first(log: str) -> str:
    """uv's messages from the error on, on one line. Of a long text both ends are kept: the failure
    stands at its beginning, the cause at its end."""
    at = max(log.find("error:"), 0)
    said = re.sub(r"\s+", " ", log[at:].removeprefix("error:")).strip()
    return said if len(said) <= 600 else f"{said[:297]} … {said[-300:]}"


def _last(stderr: str) -> str:
    """The last line, without the file of this machine that Python names at its end."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return _FILE_AT_END.sub("", lines[-1])[:400] if lines else "it said nothing"


def _same(said: str, version: str) -> bool:
    """2.15.0.post1 calls itself 2.15.0."""
    try:
        return Version(said.strip()).base_version == Version(version).base_version
    except InvalidVersion:
        return False
