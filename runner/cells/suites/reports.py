"""Turns the lines that the driver prints into an `Execution` for each test. Pure.

Untrusted code runs in the same process, so malformed lines are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from attrs import evolve, field, frozen

from runner.cells.classify import SKIP_CODE
from runner.model import Execution
from runner.serial import plain

COLLECTED = "while its tests were collected"
FIXTURE = "error in a fixture, at "
"""The start of a note that says where a test failed, if not in the test itself."""
_PASSED = {
    "passed": "",
    "xfailed": "it fails, as it is marked to",
    "xpassed": "it is marked to fail, and passes",
}
_NO_ASYNC_PLUGIN = (
    "async def function and no async plugin",
    "coroutine function and no async plugin",
)
_LONGEST_NAME = 1000
_LONGEST = 1e9


@frozen(kw_only=True)
class SuiteReport:
    """What one process reported before it ended."""

    rows: Mapping[str, Execution] = field(factory=dict)
    """Name → execution: the tests that ended, and the files or folders that could not be
    collected."""
    under_way: Optional[str] = None
    """The test that began and did not end."""
    exit_code: Optional[int] = None
    """The exit code of pytest; None if pytest did not reach its end."""


def read_reports(execution: Execution, file: str) -> SuiteReport:
    """The reports in the output of `execution`, the process that ran the tests of `file`."""
    rows: dict[str, Execution] = {}
    under_way, code = None, None
    for facts in _objects(execution.tests):
        if _is_name(facts.get("start")):
            under_way = facts["start"]
        elif _is_name(facts.get("end")):
            rows[facts["end"]] = _row(execution, facts)
            under_way = None
        elif isinstance(facts.get("collected"), str):
            rows[facts["collected"][:_LONGEST_NAME] or file] = _collected(execution, facts)
        elif type(facts.get("done")) is int:
            code = facts["done"]
    return SuiteReport(rows=rows, under_way=under_way, exit_code=code)


def shared_facts(execution: Execution) -> Execution:
    """The facts that all tests of one process share."""
    return Execution(
        exit_code=0,
        max_rss_mb=execution.max_rss_mb,
        mode=execution.mode,
        imported=execution.imported,
        git_version=execution.git_version,
        worker=execution.worker,
    )


def without_lines(output: str) -> str:
    """The output without the driver's own lines."""
    return re.sub(r"\n?^::test [^\n]*\n?", "", output, flags=re.MULTILINE)


def _objects(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield {key: plain(one) for key, one in value.items()}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME


def _row(execution: Execution, facts: Mapping[str, Any]) -> Execution:
    ended, text, printed = (_text(facts, name) for name in ("ended", "text", "printed"))
    observed = facts.get("observed")
    row = evolve(
        shared_facts(execution),
        seconds=_seconds(facts.get("seconds")),
        output=printed,
        observations=observed if isinstance(observed, dict) else {},
    )
    if ended in _PASSED:
        note = ": ".join(filter(None, (_PASSED[ended], text)))
        return evolve(row, notes=(note,) if _PASSED[ended] else ())
    if ended == "skipped" and not text.startswith(_NO_ASYNC_PLUGIN):
        return _skipped(row, text)
    when = _text(facts, "when")
    if ended == "skipped":  # pytest 8.4 and later fail such a test with other words
        return _failed(row, f"Traceback (most recent call last):\nFailed: {text}")
    notes = (f"{FIXTURE}{when}",) if ended == "error" and when in ("setup", "teardown") else ()
    return evolve(_failed(row, text, _text(facts, "more")), notes=notes)


def _collected(execution: Execution, facts: Mapping[str, Any]) -> Execution:
    row, text = shared_facts(execution), _text(facts, "text")
    if facts.get("ended") == "skipped":
        return _skipped(row, text)
    return evolve(_failed(row, text), notes=(COLLECTED,))


def _skipped(row: Execution, why: str) -> Execution:
    return evolve(row, exit_code=SKIP_CODE, errors=" ".join(why.split()))


def _failed(row: Execution, text: str, more: str = "") -> Execution:
    """A failed test. `more` is shown to people and does not belong to the exception."""
    output = "\n".join(filter(None, (row.output, text, more)))
    return evolve(row, exit_code=1, errors=text, output=output, output_bytes=len(output))


def _seconds(value: object) -> float:
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if real and 0 <= value < _LONGEST else 0.0  # type: ignore[operator, arg-type]


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""
