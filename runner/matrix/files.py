"""Checks the files that a matrix names: whether they exist and can be run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Optional

from runner.errors import nearest
from runner.matrix.problems import quoted
from runner.model import Matrix, Suite, file_of_test

_VERSION = re.compile(r"[12]\.\d+(\.\d+)?")


def script_problem(script: Path, shown: str) -> Optional[str]:
    """Why `script` cannot be run, with the remedy; None if it can."""
    if script.suffix == ".ipynb":
        return f"{shown} is a notebook; name it on the command line, tfmatrix run NOTEBOOK"
    if os.path.isdir(script):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        return f"{shown} is a folder; expected a Python script"
    if os.path.exists(script) and not os.path.isfile(script):  # noqa: PTH110, PTH113
        return f"{shown} is not a regular file; expected a Python script"
    if os.path.islink(script) and not os.path.exists(script):  # noqa: PTH110, PTH114
        return f"{shown} is a link to a file that is not there; expected a Python script"
    if not os.path.isfile(script):  # noqa: PTH113
        return f"there is no file {shown}" + _nearest_file(script)
    if not os.access(script, os.R_OK):
        return f"{shown} cannot be read; chmod +r it"
    return None


def is_outside(script: Path, folder: Path) -> bool:
    """Whether a script, after following links, lies outside its matrix's folder.

    A matrix by somebody else could otherwise show the user's own files in a report.
    """
    return Path(os.path.realpath(folder)) not in Path(os.path.realpath(script)).parents


def exists(folder: Path, file: str) -> bool:
    return os.path.exists(folder / file)  # noqa: PTH110 - Path.exists raises for a long name


def is_missing(matrix: Matrix) -> bool:
    """Whether a file that a checked matrix names no longer exists."""
    return any(
        _tests_missing(repro.suite)
        if repro.suite is not None
        else script_problem(repro.script, "")
        or is_outside(repro.script, matrix.source.parent)
        or not all(exists(repro.script.parent, str(file)) for file in repro.files)
        for repro in matrix.repros
    )


def _tests_missing(suite: Suite) -> bool:
    return not all(exists(suite.folder, file_of_test(path)) for path in suite.paths)


def _nearest_file(script: Path) -> str:
    try:
        names = [each.name for each in script.parent.iterdir() if each.suffix == ".py"]
    except (OSError, ValueError):
        return ""
    if _VERSION.fullmatch(script.name):
        several = f"2.9,{script.name}" if script.name != "2.9" else "2.9,2.15"
        return f"; --tf names a release, or several with commas: --tf {several}"
    whole = f"{script.name}.py"
    found = whole if whole in names else nearest(script.name, names)
    return f"; did you mean {quoted(found)}?" if found else ""
