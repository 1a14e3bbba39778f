"""The files that a cell left → what is handed on to the cells that load. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from runner.cells import left_files
from runner.cells.classify import classify
from runner.model import Execution, Verdict

_PROGRAMS = (".py", ".pyc", ".pyd", ".so")
"""Endings of what could stand in for an installed module where it is loaded."""


@frozen(kw_only=True)
class Saved:
    """The files that a cell saved, or why there are none."""

    files: Mapping[str, bytes] = field(factory=dict, repr=False)
    """By their names below the working folder."""
    why_not: str = ""
    measured: bool = True
    """Whether that there are none says something about the release."""


def read_saved(execution: Execution, loader: str) -> Saved:
    """All of its files or, if one of them cannot be handed on, none. `loader` is the name of the
    script beside which the files are to lie."""
    outcome = classify(execution)
    if outcome.verdict is not Verdict.PASS:
        why = outcome.signature or outcome.reason or outcome.verdict.value
        return Saved(why_not=why, measured=outcome.verdict is not Verdict.ERROR)
    if execution.left_out:
        return Saved(why_not=f"it left {execution.left_out[0]}")
    for name in execution.files:
        if name.endswith(_PROGRAMS):
            why = f"it left {name}, which is a program: only data is handed on"
            return Saved(why_not=why)
        if name.split("/")[0] == loader:
            why = f"it left {loader}, which is the name of the script that loads"
            return Saved(why_not=why)
    files = left_files.contents(execution.files)
    return Saved(files=files, why_not="" if files else "it left no file")
