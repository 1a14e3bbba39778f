"""Reads exception groups (Python 3.11 and later), which are printed behind a margin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Optional

from runner.cells.signature.raised import Raised, headline

GROUP = re.compile(r"  \+ Exception Group Traceback \(most recent call last\):")
_MARGIN = re.compile(r" *\| ?")
_NUMBERED = re.compile(r" *\+[-+]+ \d+ -+$")
_END = re.compile(r"    \+-+$|  \+ Exception Group Traceback|Traceback \(most recent call last\):")
"""The line below the whole group (inner groups are indented deeper), or the next traceback."""
_MOST = 10
"""At most this many exceptions of a group are read; a signature has no room for more."""


def read_group(lines: list[str], start: int) -> tuple[Optional[Raised], int]:
    """A group with its exceptions, and the number of the line after it."""
    end = start + 1
    while end < len(lines) and not _END.match(lines[end]):
        end += 1
    group = _first(lines, start + 1, end)
    if group is None:
        return None, end
    within = "; ".join(dict.fromkeys(_leaves(lines, start, end)))
    return Raised(group.kind, f"{group.message} [{within}]"), end


def _first(lines: list[str], start: int, end: int) -> Optional[Raised]:
    """The first line inside the margin that is not part of a frame."""
    for line in lines[start:end]:
        text = _MARGIN.sub("", line, count=1)
        if text and not text[0].isspace() and not text.endswith("(most recent call last):"):
            return headline(text)
    return None


def _leaves(lines: list[str], start: int, end: int) -> Iterator[str]:
    numbered = (number for number in range(start, end) if _NUMBERED.match(lines[number]))
    for number in islice(numbered, _MOST):
        raised = _first(lines, number + 1, end)
        if raised is not None and not raised.kind.endswith("Group"):
            yield f"{raised.kind}: {raised.message}"
