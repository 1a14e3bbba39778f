"""Requirements → a locked set of packages, as the index had them on a date. uv resolves them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from attrs import evolve, frozen

from runner.environments import demands, refusals, sources
from runner.errors import LockError
from runner.machine import interpreters, processes, temporary

PLATFORM = "x86_64-manylinux_2_28"
_LOCK = "lock.txt"
PATIENCE = 1800.0
"""Seconds for one resolution; uv itself has no limit if a byte arrives now and then."""
_LEVEL = 9
"""The patch release of Python to resolve for, so that the machine's own does not matter."""


@frozen(kw_only=True)
class LockRequest:
    """A request to uv. Equal requests have equal answers on any machine."""

    python: str
    requirements: tuple[str, ...]
    as_of: date
    """Only packages uploaded before the end of this day (UTC) count."""
    newer: tuple[tuple[str, date], ...] = ()
    undated: tuple[str, ...] = ()
    """Packages whose versions count regardless of their upload date."""
    constraints: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Packages that are not installed, even if others ask for them."""
    stand_in: str = ""
    """The version of `tensorflow` that packages see while it is left out; it decides which versions
    fit.

    A pinned version is taken whatever it requires.
    """
    forced: tuple[str, ...] = ()
    """Requirements that override all others on the same packages."""
    held: str = ""
    """A lock whose versions are preferred."""
    lowest: bool = False
    """Take the lowest version of each of `requirements`, not the highest."""
    tensorflow: str = "TensorFlow"
    """The release's name in messages."""


def resolve_lock(request: LockRequest) -> str:
    """The lock: `name==version` lines with hashes, sorted. Raises `LockError` with uv's reasons.

    No package is built, because that would run its author's code as this user.
    """
    trouble, lock = _compile(request)
    if request.stand_in and request.undated and "No solution found" in trouble:
        trouble, lock = _compile(evolve(request, stand_in=""))
    if trouble:
        raise _failure(request, trouble)
    return lock


def _compile(request: LockRequest) -> tuple[str, str]:
    """(uv's error messages, the lock); one of them is empty."""
    with tempfile.TemporaryDirectory(prefix="lock-", dir=temporary.process_folder()) as folder:
        place = Path(folder)
        hashes = sources.write_metadata(place, request.as_of, request.undated)
        if request.stand_in:
            demands.write_stand_in(place, request.stand_in)
        try:
            done = processes.run(
                _command(request, place), env=_environment(place), cwd=place, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return f"the package index does not come to an end within {PATIENCE:g} s", ""
        if done.returncode != 0:
            return done.stderr or f"uv ended with {done.returncode}", ""
        lock = demands.without_stand_in((place / _LOCK).read_text("utf-8"))
        return "", sources.with_real_hashes(lock, hashes)


def _command(request: LockRequest, folder: Path) -> list[str]:
    command = [interpreters.uv_command(), "pip", "compile", "--quiet", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--no-build"]
    command += ["--python-version", f"{request.python}.{_LEVEL}", "--python-platform", PLATFORM]
    command += ["--python", sys.executable, "--exclude-newer", _end_of(request.as_of)]
    for package, day in request.newer:
        command += ["--exclude-newer-package", f"{package}={_end_of(day)}"]
    for package in request.undated:
        command += ["--exclude-newer-package", f"{package}=false"]
    held = [demands.constraint(request.stand_in)] if request.stand_in else []
    constraints = _write(folder / "constraints.txt", [*request.constraints, *held])
    command += ["--constraint", constraints]
    # An override with a marker that is never true removes the package.
    gone = [each for each in request.left_out if not (held and each == "tensorflow")]
    overrides = [f'{package} ; python_version < "3"' for package in gone]
    overrides += request.forced
    command += ["--override", _write(folder / "overrides.txt", overrides)]
    command += ["--resolution", "lowest-direct"] if request.lowest else []
    (folder / _LOCK).write_text(
        request.held, encoding="utf-8"
    )  # uv prefers the versions that this file has
    command += ["--output-file", str(folder / _LOCK)]
    return [*command, _write(folder / "requirements.in", request.requirements)]


def _environment(folder: Path) -> dict[str, str]:
    """uv's environment, with `folder` added as an index (an option would hide the others)."""
    environment = interpreters.uv_environment()
    places = [environment.get("UV_FIND_LINKS", ""), str(folder)]
    return {**environment, "UV_FIND_LINKS": ",".join(filter(None, places))}


def _end_of(day: date) -> str:
    """The end of the day with its time, because uv reads a bare date in the machine's time zone."""
    return f"{day.isoformat()}T23:59:59Z"


def _write(path: Path, lines: Sequence[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def _failure(request: LockRequest, stderr: str) -> LockError:
    return refusals.explain_refusal(
        stderr, request.requirements, request.python, request.as_of, request.tensorflow
    )
