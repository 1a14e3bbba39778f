"""How many releases answer what people type today, and tfmatrix: one command for each release.

Each command runs twice, with caches of its own: from nothing, and again. Then its caches are
removed, so the disk holds no more environments than there are jobs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from attrs import frozen

from bench import loops
from bench.records import Answer, Coverage
from bench.timing import BenchError
from bench.works import LIGHT
from runner.environments import locks
from runner.machine import interpreters, processes
from runner.matrix import plan
from runner.model import Device, Release

PATIENCE = 1800.0
"""Seconds for one command: from nothing, old packages are built from their sources."""
CASE = "it"
"""The script's argument."""
CAUSES = (
    ("no such Python", r"No interpreter found|could not find python interpreter"),
    ("the tool does not know this Python", r"failed to query .*python"),
    ("no wheel for this Python", r"No solution found|no wheels? with a matching"),
    ("a dependency does not build", r"Failed to build|[Bb]uild backend"),
    ("protobuf is too new", r"Descriptors cannot|google\.protobuf"),
    ("NumPy is too new", r"module 'numpy|compiled using NumPy 1|_ARRAY_API"),
    ("a package is missing or too new", r"ModuleNotFoundError|ImportError|AttributeError"),
    ("it took too long", rf"ended after {PATIENCE:.0f} s"),
)
"""Why no answer came, by what was printed; the first that fits counts."""


FULL = r"No space left on device|os error 28|leave out what does not fit"
"""What uv, pip and tfmatrix print if the disk has no room: no fault of a release."""


@frozen(kw_only=True)
class Typed:
    """A command for one release, and the variables that name its caches."""

    command: Sequence[str]
    variables: Mapping[str, str]


Typist = Callable[[Release, Path], Typed]


def measure(
    releases: Sequence[Release], jobs: int, folder: Path, say: Callable[[str], None]
) -> Coverage:
    """Everyone on every release. Official images are counted, not run.

    Raises `BenchError` if the disk has no room.
    """
    answers = [image(release) for release in releases]
    for name, typist in TYPISTS.items():
        say(f"coverage: {name}")
        with ThreadPoolExecutor(jobs) as pool:
            answers += pool.map(partial(answer, name, typist, folder), releases)
    return Coverage(
        title="How many releases answer",
        releases=tuple(release.version for release in releases),
        answers=tuple(answers),
    )


def cause_of(printed: str) -> str:
    """Why a command gave no answer: one of `CAUSES`, else the last line that it printed."""
    for cause, pattern in CAUSES:
        if re.search(pattern, printed):
            return cause
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return lines[-1][:80].replace("|", "/") if lines else "it printed nothing"


# --- What people type ------------------------------------------------------------------------


def uv_run(release: Release, folder: Path, *options: str) -> Typed:
    """`uv run` with TensorFlow alone: uv resolves the rest as of today."""
    packages = options or ("--with", f"tensorflow=={release.version}")
    return Typed(
        command=[
            *(interpreters.uv_command(), "run", "--quiet", "--no-project"),
            *("--python", python(release), *packages, str(LIGHT), CASE),
        ],
        variables={"UV_CACHE_DIR": str(folder / "uv")},
    )


def uv_run_as_of(release: Release, folder: Path) -> Typed:
    """The same, resolved as of the day of our lock."""
    day = release.as_of.isoformat()
    wanted = f"tensorflow=={release.version}"
    return uv_run(release, folder, "--exclude-newer", day, "--with", wanted)


def uv_run_locked(release: Release, folder: Path) -> Typed:
    """The same with the packages of our lock."""
    file = folder / "requirements.txt"
    lock = locks.environment(plan.target(release, Device.CPU)).requirements
    file.write_text(locks.for_installers(lock), encoding="utf-8")
    return uv_run(release, folder, "--with-requirements", str(file))


def tox_uv(release: Release, folder: Path) -> Typed:
    """tox, whose environments uv makes."""
    file = folder / "tox.ini"
    lines = [
        *("[tox]", "no_package = true", "", "[testenv:it]"),
        *(f"base_python = {python(release)}", f"deps = tensorflow=={release.version}"),
        f"commands = python {LIGHT} {CASE}",
    ]
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    options = ["--conf", str(file), "--workdir", str(folder / "tox")]
    return Typed(
        command=[str(loops.tox_program()), "run", *options, "-e", "it"],
        variables={"UV_CACHE_DIR": str(folder / "uv")},
    )


def ours(release: Release, folder: Path) -> Typed:
    """`tfmatrix run`, which makes the environment too."""
    options = ["--tf", release.version, "--engine", "local", "--remeasure", "--arg", CASE]
    command = [sys.executable, "-m", "runner", "run", str(LIGHT), *options]
    return Typed(
        command=[*command, "--output", str(folder / "run")],
        variables={"TFMATRIX_CACHE": str(folder / "cache")},
    )


TYPISTS: Mapping[str, Typist] = {
    "uv run --with tensorflow==V": uv_run,
    "uv run --exclude-newer DAY": uv_run_as_of,
    "uv run, our locks": uv_run_locked,
    "tox with tox-uv": tox_uv,
    "tfmatrix run": ours,
}
IMAGES = "docker run tensorflow/tensorflow:V"


def python(release: Release) -> str:
    """The preferred Python of a release: where it is on this machine, else its number."""
    found, _ = interpreters.obtain_interpreter(release.pythons[0])
    return str(found.path) if found else release.pythons[0]


# --- What came of it -------------------------------------------------------------------------


def image(release: Release) -> Answer:
    cause = "" if release.image else "no official image"
    return Answer(contestant=IMAGES, version=release.version, cause=cause)


def answer(name: str, typist: Typist, folder: Path, release: Release) -> Answer:
    own = Path(mkdtemp(dir=folder))
    try:
        typed = typist(release, own)
        first, cause = _timed(typed, own, release)
        again = None if cause else _timed(typed, own, release)[0]
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return Answer(contestant=name, version=release.version, cause=cause, first=first, again=again)


def _timed(typed: Typed, folder: Path, release: Release) -> tuple[float, str]:
    """Seconds, and why it is not the right answer; "" if it is."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    environment = {**os.environ, **typed.variables}
    began = time.perf_counter()
    try:
        done = processes.run(typed.command, env=environment, cwd=folder, timeout=PATIENCE)
        printed = f"{done.stderr}\n{done.stdout}"
    except subprocess.TimeoutExpired:
        printed = f"ended after {PATIENCE:.0f} s"
    seconds = time.perf_counter() - began
    logs = (file.read_text("utf-8", "replace") for file in (folder / "run").glob("logs/*.txt"))
    printed = "\n".join([*logs, printed])
    if re.search(FULL, printed):
        raise BenchError("the disk is full, so no more can be told of any release")
    right = f"hello {CASE} from {release.version}\n" in printed
    return seconds, "" if right else cause_of(printed)
