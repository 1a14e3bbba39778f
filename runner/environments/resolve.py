"""Requirements → a locked set of packages, as the index had them on a date. Done by uv."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess

from attrs import evolve, frozen

from runner.environments import demands, sources
from runner.errors import LockError
from runner.machine import interpreters, processes, temporary

PLATFORM = "x86_64-manylinux_2_28"
_LEVEL = 9
"""Patch release of Python to resolve for, so that a machine's own does not matter."""


@frozen(kw_only=True)
class LockRequest:
    """What is to be resolved. Equal questions have equal answers, on any machine."""

    python: str
    requirements: tuple[str, ...]
    as_of: date
    """Packages uploaded before the end of this day (UTC) count."""
    newer: tuple[tuple[str, date], ...] = ()
    undated: tuple[str, ...] = ()
    """Packages of which any version counts, whenever it was uploaded."""
    constraints: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Packages that are not installed, whoever asks for them."""
    stand_in: str = ""
    """The version that `tensorflow` counts as, though it is left out: what packages demand of it
    decides which of their versions is taken. An exact version is taken whatever it demands."""


def resolve_lock(request: LockRequest) -> str:
    """The lock: `name==version` lines with hashes, sorted. Raises `LockError` with uv's reasons.

    Nothing is built: that would run code of whoever wrote the package, as this user.
    """
    done, hashes = _compile(request)
    if request.stand_in and request.undated and "No solution found" in done.stderr:
        done, hashes = _compile(evolve(request, stand_in=""))
    if done.returncode != 0:
        raise _failure(request, done.stderr)
    return sources.with_real_hashes(demands.without_stand_in(done.stdout), hashes)


def _compile(request: LockRequest) -> tuple[CompletedProcess[str], Mapping[str, str]]:
    """What uv said, and the hashes of the wheels that it was shown → those they stand for."""
    with tempfile.TemporaryDirectory(prefix="lock-", dir=temporary.folder()) as folder:
        place = Path(folder)
        hashes = sources.write_metadata(place, request.as_of, request.undated)
        if request.stand_in:
            demands.write_stand_in(place, request.stand_in)
        return processes.run(_command(request, place), env=_environment(place), cwd=place), hashes


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
    # An override that holds on no Python removes the package from everyone's requirements.
    gone = [each for each in request.left_out if not (held and each == "tensorflow")]
    overrides = [f'{package} ; python_version < "3"' for package in gone]
    command += ["--override", _write(folder / "overrides.txt", overrides)]
    return [*command, _write(folder / "requirements.in", request.requirements)]


def _environment(folder: Path) -> dict[str, str]:
    """uv's, with `folder` as one more place to look for packages (an option would hide others)."""
    environment = interpreters.uv_environment()
    places = [environment.get("UV_FIND_LINKS", ""), str(folder)]
    return {**environment, "UV_FIND_LINKS": ",".join(filter(None, places))}


def _end_of(day: date) -> str:
    """With its time, since uv reads a bare date in the machine's time zone."""
    return f"{day.isoformat()}T23:59:59Z"


def _write(path: Path, lines: Sequence[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def _failure(request: LockRequest, stderr: str) -> LockError:
    """uv's explanation in one message; what it says of the date is the usual cause."""
    said = re.sub(r"\s+", " ", stderr.replace("error: ", "")).strip()
    if re.search(r"dns error|error sending request|Could not connect|--offline", stderr):
        return LockError(f"the package index cannot be reached: {said[:600]}")
    unbuilt = re.search(r"Wheels are required for `(.+?)`", said)
    if unbuilt:
        return LockError(
            f"{unbuilt[1]} has no wheel for Python {request.python} on Linux as of"
            f" {request.as_of}: {said[:600]}",
            remedy="ask for a version that has one: source distributions are not built, because"
            " that runs their code on this machine",
        )
    return LockError(
        f"no packages of {request.as_of} satisfy {', '.join(request.requirements)}"
        f" on Python {request.python}: {said[:1200]}",
        remedy="packages are taken as they were about the day of the TensorFlow release: ask for"
        " versions that were out by then, or for exactly one (numpy==1.24.0), of whatever day",
    )
