"""Measures one file of a suite: if a test ends the process, the other tests run in a new one."""

from __future__ import annotations

import base64
import json
import re
import shlex
import zlib
from collections.abc import Callable, Collection
from typing import Optional

from attrs import evolve

from runner.cells.lacks import data
from runner.cells.suites import reports
from runner.cells.suites.reports import SuiteReport
from runner.model import Execution

DONE = "--tfmatrix-done="
"""The start of the driver's argument that names the tests that need not run again."""
USAGE, NO_TESTS = 4, 5
"""Exit codes of pytest: it could not start; it found no test."""
_TRACEBACK = "Traceback (most recent call last):"
_SAID = re.compile(r"^E\s+(\w[\w.]*(?:: .*)?)$", re.MULTILINE)
_REFUSED = re.compile(r"^(?:\S+: )?error: (?!usage)(.+)$", re.MULTILINE | re.IGNORECASE)


def run_file(once: Callable[[tuple[str, ...]], Execution], name: str) -> Execution:
    """The execution of the last process, with all tests of the file in `rows`.

    `once` runs the driver with extra arguments. `name` is the file's name: its row shows a failure
    that no single test caused.
    """
    rows: dict[str, Execution] = {}
    while True:
        execution = once(_but(rows))
        told = reports.read_reports(execution, name)
        new = {row: one for row, one in told.rows.items() if row not in rows}
        rows.update(new)
        blamed = _blamed(execution, told, bool(new), name)
        if blamed is not None:
            rows[blamed] = _died(execution, in_a_test=blamed == told.under_way)
        if execution.trouble is not None or told.exit_code is not None or blamed == name:
            break
    trouble = execution.trouble or (None if name in rows else _refused(execution, told.exit_code))
    return evolve(execution, tests=(), rows=rows, trouble=trouble)


def _but(done: Collection[str]) -> tuple[str, ...]:
    if not done:
        return ()
    packed = zlib.compress(json.dumps(list(done)).encode("ascii"))
    return (DONE + base64.b64encode(packed).decode("ascii"),)


def _blamed(execution: Execution, told: SuiteReport, went_on: bool, name: str) -> Optional[str]:
    """The row that is blamed for the end of the process; None if no row is.

    The limits are for one test. If a test exceeds them after others ran in the same process, the
    others may have used most of them: the test is not blamed and gets a new process.
    """
    if execution.trouble is not None:
        return None
    if told.exit_code is not None:
        conftest = told.exit_code == USAGE and _SAID.search(execution.errors)
        return name if execution.signal is not None or conftest else None
    if execution.killed_for is not None and went_on:
        return None
    return told.under_way or (None if went_on else name)


def _died(execution: Execution, *, in_a_test: bool) -> Execution:
    """The end of the process as the end of one test; an exit gets an exception's text."""
    output = reports.without_lines(execution.output)
    row = evolve(execution, tests=(), output=output, reads=None)
    if execution.exit_code is None:
        return row
    said = _SAID.findall(execution.errors)
    if said and not in_a_test:  # pytest's words for an exception in a conftest.py
        text = f"{_TRACEBACK}\n{said[-1]}"
        return evolve(row, exit_code=1, errors=text, notes=(reports.COLLECTED,))
    if not in_a_test and _TRACEBACK in execution.errors:  # of a plugin that cannot be imported
        return evolve(row, notes=(reports.COLLECTED,))
    text = f"SystemExit: the process ended with {execution.exit_code} in the middle of the tests"
    return evolve(row, exit_code=1, errors=f"{_TRACEBACK}\n{text}")


def _refused(execution: Execution, exit_code: Optional[int]) -> Optional[str]:
    """Why pytest did not start or failed itself, so that no test can be judged; else None."""
    if exit_code == 3:
        return f"pytest itself failed: {_last(execution.output)}"
    if exit_code != USAGE or _SAID.search(execution.errors):
        return None
    found = _REFUSED.search(execution.errors) or _REFUSED.search(execution.output)
    said = found[1] if found else _last(execution.errors)
    refused = f"pytest refuses its arguments: {said}"
    needed = _needed(said)
    if not needed:
        return refused
    options = " ".join(f"--with {shlex.quote(plugin)}" for plugin in needed)
    return f"needs {' and '.join(needed)}: {refused}: {options}"


def _needed(said: str) -> list[str]:
    """The plugins that pytest lacks: for options that it does not know, or by their names."""
    words = said.partition("unrecognized arguments:")[2].split()
    brought: dict[str, str] = data.table("packages")["options"]
    found = [brought[start] for word in words for start in brought if word.startswith(start)]
    named = said.partition("Missing required plugins: ")[2]
    return list(dict.fromkeys([*found, *filter(None, named.split(", "))]))


def _last(text: str) -> str:
    lines = [line.strip() for line in reports.without_lines(text).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
