"""Execution → Outcome, by one table. Pure, so judging again needs no new run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from attrs import frozen

from runner.cells import lacks, signature
from runner.model import Execution, Expectation, Outcome, Verdict

SKIP_CODE = 125
"""The exit code with which a script says "cannot be judged here", as in `git bisect run`."""


HUNG = "it hangs: "
"""The start of the note on a script that was ended before its
time limit because it did nothing more."""


@frozen(kw_only=True)
class ClassRule:
    """One line of the table. The first line whose `when` is true decides."""

    verdict: Verdict
    when: Callable[[Execution], bool]
    reason: Callable[[Execution], str]
    signature: Callable[[Execution], Optional[str]] = lambda _: None


def _last_line(execution: Execution) -> str:
    lines = [line.strip() for line in execution.errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _or(limit: Optional[float], measured: float) -> float:
    return limit if limit is not None else round(measured)


def _idle(execution: Execution) -> str:
    return next((note for note in execution.notes if note.startswith(HUNG)), "")


def _over(execution: Execution) -> str:
    units = {"processes": "processes and threads", "disk": "MiB written"}
    unit = units.get(execution.killed_for or "")
    return f", over {execution.limit:g} {unit}" if execution.limit is not None and unit else ""


def _lacked(execution: Execution) -> Optional[str]:
    """What the environment lacks. Such a failure is no evidence about TensorFlow."""
    return lacks.find_need(execution.exit_code or 0, execution.errors, execution.output)


TABLE: tuple[ClassRule, ...] = (
    ClassRule(
        verdict=Verdict.ERROR,
        when=lambda e: e.trouble is not None,
        reason=lambda e: e.trouble or "",
    ),
    ClassRule(
        verdict=Verdict.TIMEOUT,
        when=lambda e: e.killed_for == "timeout",
        reason=lambda e: _idle(e) or f"still running after {_or(e.limit, e.seconds):g} s",
        signature=lambda _: "timeout",
    ),
    ClassRule(
        verdict=Verdict.OOM,
        when=lambda e: e.killed_for == "memory",
        reason=lambda e: f"killed for memory, over {_or(e.limit, e.max_rss_mb):g} MiB",
        signature=lambda _: "out of memory",
    ),
    ClassRule(
        verdict=Verdict.FAIL,
        when=lambda e: e.killed_for is not None,
        reason=lambda e: f"killed for {e.killed_for}{_over(e)}",
        signature=lambda e: f"killed for {e.killed_for}",
    ),
    ClassRule(
        verdict=Verdict.CRASH,
        when=lambda e: e.signal is not None,
        reason=lambda e: f"killed by signal {e.signal}",
        signature=lambda e: signature.crash_signature(e.signal or 0, e.errors),
    ),
    ClassRule(
        verdict=Verdict.FAIL,
        when=lambda e: e.exit_code == 0 and e.matched is not None,
        reason=lambda e: f"it printed {e.matched}",
        signature=lambda e: signature.normalise(f"printed: {e.matched}"),
    ),
    ClassRule(
        verdict=Verdict.PASS,
        when=lambda e: e.exit_code == 0,
        reason=lambda _: "",
    ),
    ClassRule(
        verdict=Verdict.SKIP,
        when=lambda e: e.exit_code == SKIP_CODE,
        reason=lambda e: _last_line(e) or "the script exited with 125",
    ),
    ClassRule(
        verdict=Verdict.ERROR,
        when=lambda e: e.exit_code is not None and _lacked(e) is not None,
        reason=lambda e: _lacked(e) or "",
    ),
    ClassRule(
        verdict=Verdict.FAIL,
        when=lambda e: e.exit_code is not None,
        reason=lambda e: f"exit code {e.exit_code}",
        signature=lambda e: signature.exit_signature(e.exit_code or 0, e.errors, e.output),
    ),
    ClassRule(
        verdict=Verdict.ERROR,
        when=lambda _: True,
        reason=lambda _: "the runner reported neither an exit code nor a signal",
    ),
)


def classify(execution: Execution) -> Outcome:
    """The outcome of an execution: the first row of the table that applies."""
    row = next(row for row in TABLE if row.when(execution))
    return Outcome(
        verdict=row.verdict,
        reason=row.reason(execution),
        signature=row.signature(execution),
    )


def contradicts(outcome: Outcome, expectation: Optional[Expectation]) -> bool:
    """Whether a judged outcome differs from the expectation in
    matrix.yaml. A skip or an error never does."""
    if expectation is None or not outcome.verdict.judged:
        return False
    if outcome.verdict is not expectation.verdict:
        return True
    return expectation.signature is not None and (
        expectation.signature not in (outcome.signature or "")
    )
