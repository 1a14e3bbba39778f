"""Decides how a repro's cells start: each in a fresh process, or as children of a process that has
already imported TensorFlow, if the script cannot notice the difference."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Optional

from attrs import frozen

from runner.cells.own_texts import own_modules
from runner.machine.files import regular_text
from runner.model import Case, Cell, Device, Execution, Repro

_NOT_FORKED = "not forked: "
"""The beginning of the agent's note on a fork that was not possible."""


@frozen(kw_only=True)
class Mode:
    """The way in which cells start."""

    name: str
    """`fresh` or `fork`."""
    reason: str = ""
    """Why the mode is `fresh`; else ""."""
    prologue: str = ""
    """The beginning of the script that the importing process runs; "" if it only imports
    TensorFlow."""


class Modes:
    """The mode of each cell in a run. A script is examined once for all its cells."""

    def __init__(self, wanted: str = "auto") -> None:
        """`wanted` is the user's option: `fresh`, `fork` or `auto`."""
        self._wanted = wanted
        self._known: dict[object, Mode] = {}

    def mode_for(self, cell: Cell) -> Mode:
        if cell.target.release.absent:
            return Mode(name="fresh", reason="there is no TensorFlow to import beforehand")
        file = cell.case if cell.repro.suite else None
        key = (cell.repro.script, cell.repro.home, file and file.base_name, cell.target.device)
        if key not in self._known:
            self._known[key] = choose_mode(cell.repro, self._wanted, cell.target.device, file)
        return self._known[key]


def choose_mode(
    repro: Repro, wanted: str, device: Device = Device.CPU, file: Optional[Case] = None
) -> Mode:
    """The mode for the cells of `repro`. `wanted` is the user's option, which may be `auto`.

    For a suite, `file` is the case.
    """
    if device is Device.CUDA:
        return Mode(name="fresh", reason="it has a GPU, whose context does not survive a fork")
    if wanted == "fresh":
        return Mode(name="fresh", reason="--mode fresh")
    if wanted == "fork":
        return Mode(name="fork", prologue=prologue_of(repro))
    if repro.fail_on:
        return Mode(name="fresh", reason="--fail-on: the output of TensorFlow's import counts too")
    if repro.suite is not None and file is not None:
        from runner.cells.suites import forking

        reason = forking.why_fresh(repro.suite, file)
    else:
        reason = why_fresh(repro)
    if reason:
        return Mode(name="fresh", reason=reason)
    return Mode(name="fork", prologue=prologue_of(repro))


def why_fresh_instead(
    execution: Execution, mode: Mode, repeat: int = 1, *, alone: bool = False
) -> str:
    """Why a cell that may start in `mode` ran in a fresh process; empty if it did not."""
    if execution.mode == "fork" or execution.trouble is not None:
        return ""
    if mode.name == "fresh":
        return mode.reason
    for note in execution.notes:
        if note.startswith(_NOT_FORKED):
            return note[len(_NOT_FORKED) :]
    if repeat > 1:
        return "--repeat: each run has a process of its own"
    if any(one.attempts > 1 for one in (execution, *execution.rows.values())):
        return "a second look"
    return "no other measured cell needs the same import of TensorFlow" if alone else ""


def why_fresh(repro: Repro) -> Optional[str]:
    """Why `auto` starts a fresh process for each cell of `repro`; None if it need not."""
    try:
        source = regular_text(repro.script)
    except (OSError, UnicodeDecodeError) as error:
        return f"the script cannot be read: {error}"
    from runner.cells.forkable import forkable, looks_at_itself

    reason = forkable(source, sibling_modules(repro.home))
    if reason is not None:
        return reason
    for path, text in own_modules([repro.home], [source]).items():
        reason = looks_at_itself(text)
        if reason is not None:
            return f"{path.name}: {reason}"
    return None


def prologue_of(repro: Repro) -> str:
    """The beginning of the script that the importing process runs. It is empty for a suite, whose
    files pytest imports, and for a script that is not forkable."""
    if repro.suite is not None:
        return ""
    from runner.cells.forkable import prologue

    with suppress(OSError, UnicodeDecodeError):
        return prologue(regular_text(repro.script), sibling_modules(repro.home))
    return ""


def sibling_modules(folder: Path) -> tuple[str, ...]:
    """The names of the modules beside a script. Importing one may run any code."""
    return tuple(path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir())
