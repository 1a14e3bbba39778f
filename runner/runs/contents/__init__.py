"""Two contents of a file → the first value or line that differs. Pure.

Scripts that nobody vouches for wrote them. So they are parsed within limits: nothing is unpickled,
imported or executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Callable, Optional

from runner.runs.contents import arrays, lines, tables, values
from runner.runs.contents.record import Difference, UnreadableError

__all__ = ["MOST_BYTES", "Difference", "UnreadableError", "find_difference"]

MOST_BYTES = 4 << 20
"""Larger contents are not compared value by value."""
_Compare = Callable[[bytes, bytes, Optional[float]], Optional[Difference]]
_KINDS: Mapping[str, _Compare] = {
    ".npy": arrays.of_npy,
    ".npz": arrays.of_npz,
    ".json": values.of_json,
    ".csv": tables.of_csv,
    ".tsv": tables.of_tsv,
}


def find_difference(
    name: str, before: bytes, after: bytes, tolerance: Optional[float] = None
) -> Optional[Difference]:
    """The first difference; None if all values agree within the tolerance.

    The file's name says what it holds. Raises `UnreadableError` for what is neither that nor text.
    """
    kind = _KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is not None:
        try:
            return kind(before, after, tolerance)
        except UnreadableError:
            pass
    return lines.of_text(before, after)
