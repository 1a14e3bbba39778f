"""Environments from nothing: `tfmatrix build` against one `pip install` after another.

Both take the same locked packages from an index on this machine (index.py), with empty caches of
their own; a first pass, not timed, fills the index. Both compile to bytecode; ours imports
TensorFlow besides, to show that it works.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from bench import stages
from bench.index import Index, serving
from bench.ours import TFMATRIX
from bench.records import Figures
from bench.timing import BenchError, timed
from bench.works import LIGHT, ROOT
from runner.environments import locks
from runner.machine import host, interpreters, processes
from runner.matrix import plan
from runner.model import Device, Release

ROOM = 1.6e9
"""Bytes a release: its wheels in the index, in a cache, and installed."""
_OF_THE_CALLER = ("PIP_", "UV_", "TFMATRIX_CACHE", "PYTHON", "VIRTUAL_ENV")


@frozen(kw_only=True)
class Side:
    """What one of the two took."""

    seconds: float
    bytes: int
    files: int
    most_fetched: int
    """Downloads of the file that was downloaded most often."""
    most: str
    """Its name."""
    passed_on: int
    """Files that the index did not have yet: these came over the network while time was taken."""


@frozen(kw_only=True)
class Cold:
    releases: tuple[str, ...]
    pip: Side
    ours: Side

    def figures(self) -> Figures:
        rows = [("releases", ", ".join(self.releases))]
        for name, side in (("pip, one after another", self.pip), ("tfmatrix build", self.ours)):
            rows.append((name, f"{side.seconds:.1f} s"))
            downloads = f"{side.files} files, {side.bytes / 1e6:.0f} MB"
            often = f"the most fetched one {side.most_fetched} × ({side.most})"
            over = f"{side.passed_on} over the network"
            rows.append((f"{name}: downloads", f"{downloads}, {often}, {over}"))
        return Figures(title="Environments from nothing", rows=tuple(rows))


def measure(releases: Sequence[Release], folder: Path, say: Callable[[str], None]) -> Cold:
    """Both sides once. Raises `BenchError` where there is no room for environments and wheels."""
    need, free = ROOM * len(releases), host.free_bytes(folder)
    if need > free:
        raise BenchError(f"{folder} has {free / 1e9:.0f} GB free, and {need / 1e9:.0f} are needed")
    with serving(folder / "index") as index:
        say("cold: filling the index")
        _side(index, lambda: _ours(releases, folder / "first", index))
        say("cold: pip")
        pip = _side(index, lambda: _pip(releases, folder / "pip", index))
        say(f"cold: pip took {pip.seconds:.1f} s; tfmatrix")
        ours = _side(index, lambda: _ours(releases, folder / "ours", index))
        say(f"cold: tfmatrix took {ours.seconds:.1f} s")
    return Cold(releases=tuple(release.version for release in releases), pip=pip, ours=ours)


def measure_stages(
    releases: Sequence[Release], folder: Path, say: Callable[[str], None]
) -> Figures:
    """Where the time of our side goes. Raises `BenchError`."""
    versions = [release.version for release in releases]
    with serving(folder / "index") as index:
        say("stages: filling the index")
        _ours(releases, folder / "first", index)
        say("stages: one environment after the other")
        made = folder / "stages"
        made.mkdir()
        command = [sys.executable, "-m", "bench.stages", str(made), *versions]
        done = processes.run(command, env=_own_environment(made, index), cwd=ROOT)
        shutil.rmtree(made)
    if done.returncode:
        raise BenchError(done.stderr[-2000:])
    return stages.figures(done.stdout.splitlines(), versions)


def _side(index: Index, make: Callable[[], float]) -> Side:
    index.forget()
    seconds = make()
    fetched = index.fetched
    most, times = next(iter(fetched.most_common(1)), ("none", 0))
    return Side(
        seconds=seconds,
        bytes=index.bytes,
        files=sum(fetched.values()),
        most_fetched=times,
        most=most,
        passed_on=index.passed_on,
    )


def _ours(releases: Sequence[Release], folder: Path, index: Index) -> float:
    env = _own_environment(folder, index)
    spec = ",".join(release.version for release in releases)
    command = [*TFMATRIX, "build", str(LIGHT), "--tf", spec, "--engine", "local"]
    try:
        return timed(command, env=env)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own_environment(folder: Path, index: Index) -> dict[str, str]:
    return _environment(
        UV_DEFAULT_INDEX=index.url,
        UV_CACHE_DIR=str(folder / "uv"),
        TFMATRIX_CACHE=str(folder / "tfmatrix"),
    )


def _pip(releases: Sequence[Release], folder: Path, index: Index) -> float:
    """pip's cache lasts from release to release; each environment goes when it is made."""
    env = _environment(
        PIP_INDEX_URL=index.url,
        PIP_CACHE_DIR=str(folder / "cache"),
        PIP_CONFIG_FILE=os.devnull,
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    folder.mkdir()
    try:
        return sum(_pip_one(release, folder, env) for release in releases)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip_one(release: Release, folder: Path, env: Mapping[str, str]) -> float:
    target = plan.target(release, Device.CPU)
    interpreter, why_not = interpreters.obtain_interpreter(target.python)
    if interpreter is None:
        raise BenchError(f"no Python {target.python}: {why_not}")
    requirements = folder / "requirements.txt"
    requirements.write_text(locks.environment(target).requirements, encoding="utf-8")
    made = folder / release.version
    began = time.perf_counter()
    timed([str(interpreter.path), "-m", "venv", str(made)], env=env)
    install = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    timed([*install, "--require-hashes", "-r", str(requirements)], env=env, cwd=folder)
    seconds = time.perf_counter() - began
    shutil.rmtree(made)
    return seconds


def _environment(**settings: str) -> dict[str, str]:
    """The caller's without settings of pip, uv and this tool; the index is reached directly."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OF_THE_CALLER)}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **settings}
