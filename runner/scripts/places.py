"""Finds the notebook cell of a line, in a script that was made from a notebook."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Optional

from runner.machine.files import regular_text

CELL = "# %% cell {}"
"""The comment above each cell, which editors know as the start of a cell."""
_MARKER = re.compile(r"# (?:%% cell (\d+)|In\[([\d ]*)\]:)\s*$")
"""This comment, or the one that nbconvert writes above a cell."""


def place_in_notebook(text: str, line: int) -> Optional[str]:
    """The cell and the line in it, `cell 3, line 2`, of the script's `line` (counted from 1).

    None if no comment above the line marks a cell.
    """
    lines = text.split("\n")[:line]
    marks = [(at, one) for at, one in enumerate(map(_MARKER.match, lines), 1) if one]
    if not marks or line > len(lines):
        return None
    at, found = marks[-1]
    number = found[1] or (found[2] or "").strip() or str(len(marks))
    while at < line - 1 and not found[1] and not lines[at].strip():
        at += 1  # nbconvert leaves empty lines
    return f"cell {number}, line {line - at}"


def place_in_file(script: Path, line: int) -> Optional[str]:
    """The cell and line for a script in a file, as `place` gives it; None if it is unreadable."""
    try:
        return place_in_notebook(_text(script, script.stat().st_mtime_ns), line)
    except OSError:
        return None


@functools.lru_cache(maxsize=64)
def _text(script: Path, _changed: int) -> str:
    return regular_text(script, errors="replace")
