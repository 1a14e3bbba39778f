"""A script's output: whether a pattern is in it, and the lines to compare."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from attrs import evolve

from runner.cells import matches
from runner.model import Execution

LONGEST = 4_000
"""Characters of a line that are looked at."""
SHOWN = 300
LEFT_OUT = re.compile(r"^… \d+ bytes left out …$", re.MULTILINE)
"""The agent's mark in place of output that it could not keep."""


def marked(execution: Execution, fail_on: str) -> Execution:
    """With the first line that `fail_on` matches; unmeasured where that cannot be told: more was
    printed than is kept, or the search takes too long."""
    if not fail_on or execution.trouble is not None:
        return execution
    lines = [line[:LONGEST] for line in execution.output.split("\n")]
    try:
        line = matches.first_match(lines, fail_on)
    except TimeoutError:
        trouble = f"in {matches.PATIENCE:g} s --fail-on {fail_on[:100]} could not be looked for in"
        return evolve(execution, trouble=f"{trouble} all it printed; expected a simpler /regex/")
    if line is None and LEFT_OUT.search(execution.output):
        return evolve(
            execution,
            trouble="it printed more than is kept, so that --fail-on cannot tell: a higher `output`"
            " under `limits:` in matrix.yaml keeps more",
        )
    return evolve(execution, matched=None if line is None else line.strip()[:SHOWN])


# --- Compared between releases -------------------------------------------------------------------

_TENSORFLOW_LOG = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] |[IWEF]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] "
    r"|WARNING: All log messages before absl::|WARNING: Logging before flag parsing goes to stderr"
    r"|To enable the following instructions: |I tensorflow/"
)
"""Lines of TensorFlow's C++ code about the machine, printed at its start."""
_PROGRESS = re.compile(r"\r|\x08|\b\d+(?:ms|us|s)/(?:step|epoch|sample)|━|\[=+>?\.*\]|\dit/s")
_OBSERVE = "::observe "
_NUMBER = re.compile(
    r"(?<![A-Za-z_])[-+]?(?:0x[0-9a-fA-F]+|(?:\d[\d.,:_]*|\.\d+)(?:[eE][-+]?\d+)?)"
)
_PATH = re.compile(r"(?:(?:(?<![~.\w-])|[A-Za-z]:)[~.\w-]*)?/(?:[~.\w-]*/)*[\w.+-]*")
"""Begins where a word begins: at each letter of a long word, it would read all that follows."""


def compared(output: str) -> Iterator[str]:
    """The lines of an output that releases are compared by: without numbers, times, paths, spaces,
    bars of progress, observed values, and what TensorFlow logs when it starts."""
    for line in output.split("\n"):
        line = line[:LONGEST]
        if _TENSORFLOW_LOG.match(line) or _PROGRESS.search(line) or line.startswith(_OBSERVE):
            continue
        line = _NUMBER.sub("#", _PATH.sub("/", line))
        line = " ".join(line.split())
        if line:
            yield line


def digest(output: str) -> str:
    """Of the lines that are compared; empty where there are none."""
    lines = "\n".join(compared(output))
    return hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()[:16] if lines else ""
