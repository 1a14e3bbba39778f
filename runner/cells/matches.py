"""Finds the first line of an output that `fail_on` matches."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Optional

from runner.machine import processes
from runner.matrix.patterns import regular_expression

PATIENCE = 10.0
"""Seconds to search for a regular expression. The longest output normally takes milliseconds."""
_SEARCH = """
import json, re, sys
pattern, lines = json.load(sys.stdin)
search = re.compile(pattern).search
json.dump(next((number for number, line in enumerate(lines) if search(line)), None), sys.stdout)
"""


def first_match(lines: Sequence[str], fail_on: str) -> Optional[str]:
    """The first matching line. Raises `TimeoutError` if a regular expression takes too long."""
    pattern = regular_expression(fail_on)
    if pattern is None:
        return next((line for line in lines if fail_on in line), None)
    number = _search(lines, pattern)
    return None if number is None else lines[number]


def _search(lines: Sequence[str], pattern: str) -> Optional[int]:
    """The index of the first matching line, found in a separate process.

    A script can print a line for which a harmless expression takes years, and `re` has no time
    limit and blocks other threads.
    """
    command = [sys.executable, "-I", "-S", "-c", _SEARCH]
    try:
        done = processes.run(command, input=json.dumps([pattern, lines]), timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    found: Optional[int] = json.loads(done.stdout)
    return found
