"""A script's output: whether a pattern is in it, and the lines to compare."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from attrs import evolve

from runner.cells import matches
from runner.cells.signature.noise import CPU_FEATURES
from runner.model import Execution

LONGEST = 4_000
"""At most this many characters of a line are examined."""
SHOWN = 300
LEFT_OUT = re.compile(r"^… \d+ bytes left out …$", re.MULTILINE)
"""The agent's mark in place of output that it could not keep."""


def with_match(execution: Execution, fail_on: str) -> Execution:
    """The execution with the first line that `fail_on` matches.

    It becomes unmeasured if the result is not known: the output is incomplete, or the search takes
    too long.
    """
    if not fail_on or execution.trouble is not None:
        return execution
    lines = [line[:LONGEST] for line in execution.output.split("\n")]
    try:
        line = matches.first_match(lines, fail_on)
    except TimeoutError:
        trouble = f"the search for --fail-on {fail_on[:100]} took over {matches.PATIENCE:g} s:"
        return evolve(execution, trouble=f"{trouble} expected a simpler /regex/")
    if line is None and LEFT_OUT.search(execution.output):
        return evolve(
            execution,
            trouble="its output was cut, so --fail-on cannot be decided: a higher `output`"
            " under `limits:` in matrix.yaml keeps more",
        )
    return evolve(execution, matched=None if line is None else line.strip()[:SHOWN])


# --- Compared between releases -------------------------------------------------------------------

_TENSORFLOW_LOG = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] |[IWEF]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] "
    r"|WARNING: All log messages before absl::|WARNING: Logging before flag parsing goes to stderr"
    rf"|{CPU_FEATURES.pattern}|I tensorflow/"
)
"""Lines that TensorFlow's C++ code prints about the machine when it starts."""
_PROGRESS = re.compile(r"\r|\x08|\b\d+(?:ms|us|s)/(?:step|epoch|sample)|━|\[=+>?\.*\]|\dit/s")
_OBSERVE = "::observe "
_NUMBER = re.compile(
    r"(?<![A-Za-z_\d])[-+]?(?:0x[0-9a-fA-F]+|(?:\d(?:[\d.,:_]*[\d.])?|\.\d+)(?:[eE][-+]?\d+)?)"
)
_PATH = re.compile(r"(?:(?:(?<![~.\w-])|[A-Za-z]:)[~.\w-]*)?/(?:[~.\w-]*/)*[\w.+-]*")
"""A path. It matches only from the start of a word: from each letter of a long word, the search
would take quadratic time."""


def compared_lines(output: str) -> Iterator[str]:
    """The lines by which outputs of different releases are compared.

    They lack numbers, times, paths, spaces, progress bars, observed values, and what TensorFlow
    logs when it starts.
    """
    for line in output.split("\n"):
        line = line[:LONGEST]
        if _TENSORFLOW_LOG.match(line) or _PROGRESS.search(line) or line.startswith(_OBSERVE):
            continue
        line = _NUMBER.sub("#", _PATH.sub("/", line))
        line = " ".join(line.split())
        if line:
            yield line


def output_digest(output: str) -> str:
    """The digest of the compared lines; "" if there are none."""
    lines = "\n".join(compared_lines(output))
    return hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()[:16] if lines else ""
