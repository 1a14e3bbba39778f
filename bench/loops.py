"""What a user writes today: a loop over releases and cases, by hand or in tox.ini."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from bench.records import Place, Sample, Work
from bench.timing import ENVIRONMENT, PATIENCE, BenchError, timed
from runner import paths
from runner.machine import interpreters, processes

TOX = ("tox==4.30.3", "tox-uv==1.28.1", "virtualenv==20.35.4")
"""The last tox that runs on Python 3.9, the plugin with which uv makes its environments, and a
virtualenv that this tox can ask about a Python that is named by its path."""


def shell(work: Work, folder: Path, jobs: int) -> Sample:
    """(a) for each version, for each case: `python script.py case`, as many at a time as cores."""
    line = f'{PATIENCE} "$0" {shlex.quote(str(work.script))} "$1" > "$2" 2>&1 || true'
    jobs_left = "\n".join(
        f"{place.python} {case} {folder}/{place.version}-{case}.txt"
        for place in work.places
        for case in work.cases
    )
    command = ["xargs", "-P", str(jobs), "-n", "3", "sh", "-c", line]
    return Sample(seconds=timed(command, env=ENVIRONMENT, cwd=folder, input=jobs_left))


def docker(work: Work, folder: Path, jobs: int, label: str) -> Sample:
    """(b) `docker run --rm` per case, with the images that the docker engine made."""
    mount = shlex.quote(f"{work.script.parent}:/repro:ro")
    line = (
        f'docker run --rm --label {label} -v {mount} "$0" {PATIENCE}'
        f' python /repro/{shlex.quote(work.script.name)} "$1" > "$2" 2>&1 || true'
    )
    jobs_left = "\n".join(
        f"{place.image} {case} {folder}/{place.version}-{case}.txt"
        for place in work.places
        for case in work.cases
    )
    command = ["xargs", "-P", str(jobs), "-n", "3", "sh", "-c", line]
    return Sample(seconds=timed(command, cwd=folder, input=jobs_left))


def tox(work: Work, folder: Path, jobs: int) -> Sample:
    """(c) One tox environment per release, its cases as commands one after the other.

    The packages are those of the prepared environments: tox makes an empty environment per release
    beforehand, and its commands call the prepared Python.
    """
    file = folder / "tox.ini"
    file.write_text("\n".join(tox_ini(work)), encoding="utf-8")
    base = [
        str(tox_program()),
        "run-parallel",
        "--conf",
        str(file),
        "--workdir",
        str(folder / "tox"),
    ]
    timed([*base, "--notest", "-p", str(jobs)], cwd=folder)
    return Sample(seconds=timed([*base, "-p", str(jobs)], cwd=folder))


def tox_ini(work: Work) -> list[str]:
    """The lines of a tox.ini; a case that fails keeps none of the others from running."""
    names = [_tox_name(place) for place in work.places]
    lines = ["[tox]", f"env_list = {', '.join(names)}", "no_package = true"]
    for place, name in zip(work.places, names):
        lines += ["", f"[testenv:{name}]", "allowlist_externals = timeout", "commands ="]
        lines += [f"    - {PATIENCE} {place.python} {work.script} {case}" for case in work.cases]
    return [*lines, ""]


def _tox_name(place: Place) -> str:
    return "tf" + place.version.replace(".", "_")


def tox_program() -> Path:
    """tox in an environment of its own, made once."""
    folder = paths.bench() / "+".join(TOX)
    program = folder / "bin" / "tox"
    if not program.exists():
        uv = interpreters.uv_command()
        for command in (
            [
                uv,
                "venv",
                "--quiet",
                "--clear",
                "--no-project",
                "--python",
                sys.executable,
                str(folder),
            ],
            [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *TOX],
        ):
            done = processes.run(command)
            if done.returncode:
                raise BenchError(f"{' '.join(TOX)} could not be installed: {done.stderr[-500:]}")
    return program
