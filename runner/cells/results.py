"""A planned cell and its execution → its `Result`."""

from __future__ import annotations

import re
from typing import Any, Optional

from attrs import evolve

from runner.cells import left_files, printed
from runner.cells.classify import classify, contradicts
from runner.cells.silent import NO_TENSORFLOW, never_imported, why_silent
from runner.model import OUT, Cell, Execution, Expectation, Outcome, Result, Verdict
from runner.scripts import places

_LONGEST_NUMBER = 9
"""The most digits of a line number."""

_TOLD_OTHERWISE = ("ended for ", "not forked: ")
"""Notes of the agent that the outcome's reason or `mode_reason` already states."""


def judged_result(
    cell: Cell, environment: str, execution: Execution, *, cached: bool = False
) -> Result:
    """The execution and its judgement as one record."""
    outcome = judged_outcome(cell, execution)
    notes = (note for note in execution.notes if not note.startswith(_TOLD_OTHERWISE))
    if execution.note:
        outcome = evolve(outcome, reason="; ".join(filter(None, (outcome.reason, execution.note))))
    return Result(
        **_planned(cell, environment),
        outcome=outcome,
        exit_code=execution.exit_code,
        signal=execution.signal,
        seconds=round(execution.seconds, 3),
        max_rss_mb=round(execution.max_rss_mb, 1),
        observations=execution.observations,
        attempts=execution.attempts,
        agreed=execution.agreed,
        cached=cached,
        unexpected=contradicts(outcome, cell.expected),
        mode=execution.mode,
        mode_reason=execution.mode_reason,
        worker=execution.worker,
        git_version=execution.git_version,
        matched=execution.matched,
        printed=printed.output_digest(execution.output) if outcome.verdict is Verdict.PASS else "",
        place=_place(cell, execution) if outcome.verdict is Verdict.FAIL else "",
        notes=(*notes, *_left_out_notes(cell, execution)),
    )


def judged_outcome(cell: Cell, execution: Execution) -> Outcome:
    """The classified outcome, unless the script ended by itself without using TensorFlow."""
    outcome = classify(execution)
    if execution.exit_code is None or not outcome.verdict.judged:
        return outcome
    if cell.target.release.absent:
        return _without_tensorflow(outcome)
    if not cell.repro.needs_tensorflow:
        return outcome
    if cell.repro.suite is not None:
        if never_imported(execution):
            return Outcome(verdict=Verdict.SKIP, reason=NO_TENSORFLOW)
        return outcome
    silent = why_silent(execution, cell.repro.script)
    if silent is None:
        return outcome
    if silent == NO_TENSORFLOW and outcome.signature:
        silent = f"{outcome.signature}, and {silent}"
    return Outcome(verdict=Verdict.ERROR, reason=silent)


def _left_out_notes(cell: Cell, execution: Execution) -> list[str]:
    if not execution.left_out or cell.repro.keep != OUT:
        return []
    return [left_files.NOT_KEPT + "; ".join(execution.left_out)]


_MISSED = re.compile(r"(ModuleNotFoundError|ImportError): No module named '?tensorflow\b")


def _without_tensorflow(outcome: Outcome) -> Outcome:
    """The outcome, unless the script needs the TensorFlow that its environment was not to have."""
    if not _MISSED.match(outcome.signature or ""):
        return outcome
    reason = (
        "needs TensorFlow, which --tf none leaves out; Keras 3 does without it on another backend:"
        " --vary backend=jax"
    )
    return Outcome(verdict=Verdict.ERROR, reason=reason)


def _place(cell: Cell, execution: Execution) -> str:
    """The notebook's cell with the script's innermost line in the traceback; "" for other
    scripts."""
    script = cell.repro.script
    shown = rf'^ +File "(?:[^"\n]*/)?{re.escape(script.name)}", line (\d+)'
    lines = re.findall(shown, execution.errors, re.MULTILINE)
    if not lines or len(lines[-1]) > _LONGEST_NUMBER:
        return ""
    return places.place_in_file(script, int(lines[-1])) or ""


def skipped_result(cell: Cell, environment: str, reason: str) -> Result:
    """A cell that does not run, because of a rule or of this machine."""
    return _unmeasured(cell, environment, Outcome(verdict=Verdict.SKIP, reason=reason))


def unmeasurable_result(cell: Cell, environment: str, reason: str) -> Result:
    """A cell whose environment could not be locked."""
    return _unmeasured(cell, environment, Outcome(verdict=Verdict.ERROR, reason=reason))


def _unmeasured(cell: Cell, environment: str, outcome: Outcome) -> Result:
    return Result(**_planned(cell, environment), outcome=outcome, attempts=0)


def _planned(cell: Cell, environment: str) -> dict[str, Any]:
    """The fields of a result that come from the plan."""
    target, expected = cell.target, cell.expected
    return {
        "repro": cell.repro.name,
        "case": cell.case.name,
        "tensorflow": target.release.version,
        "python": target.python,
        "device": target.device.value,
        "environment": environment,
        "variant": cell.case.variant.name,
        "expected": expected_text(expected),
    }


def expected_text(expected: Optional[Expectation]) -> Optional[str]:
    """An expectation as text for a `Result`: `fail: KeyError`."""
    if expected is None:
        return None
    return ": ".join(filter(None, (expected.verdict.value, expected.signature)))
