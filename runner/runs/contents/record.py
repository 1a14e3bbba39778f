"""What differs between two contents of a file."""

from __future__ import annotations

from attrs import frozen

from runner.model import Json


class UnreadableError(ValueError):
    """A content is not what the file's name says, or is too large."""


@frozen(kw_only=True)
class Difference:
    """The first value or line that differs, and how many do."""

    place: str
    """`line 3`, `[0, 2]`, `losses[1]`, `shape`; "" if a file holds one value."""
    before: Json
    after: Json
    differing: int = 0
    """How many values differ; 0 if they were not counted."""
    values: int = 0
    """How many values were compared."""
