"""What a grid is made of: rows, columns, marks, letters, transitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Optional

from attrs import frozen

from runner.model import Result, Verdict

PASS = "pass"
"""The finding of a cell that passed; that of any other judged cell is its signature's letter."""


@frozen(kw_only=True)
class Row:
    """One case of one repro."""

    index: int
    repro: str
    case: str
    about: str = ""


@frozen(kw_only=True)
class Column:
    """A release on a device with one Python. Several environments where repros add packages."""

    index: int
    tensorflow: str
    device: str
    python: str
    label: str
    """The shortest name that is unique on this device: `2.9`, `2.9.1`, `2.9.1 py3.8`."""
    environments: tuple[str, ...]


@frozen(kw_only=True)
class Mark:
    """What a cell shows; `verdict` is None where there is no result."""

    verdict: Optional[Verdict] = None
    letter: str = ""
    unexpected: bool = False
    inferred: bool = False

    @property
    def finding(self) -> Optional[str]:
        """`pass` or a letter; None where the cell says nothing about TensorFlow."""
        return (self.letter or PASS) if self.verdict is not None and self.verdict.judged else None


@frozen(kw_only=True)
class Entry:
    """One letter of the legend."""

    index: int
    letter: str
    signature: str
    verdict: Verdict
    count: int
    first: Result
    """The first cell that shows it, in reading order."""


@frozen(kw_only=True)
class Change:
    row: Row
    before: str
    after: str


@frozen(kw_only=True)
class Transition:
    """Two columns that are nearest judged neighbours for some cases, of which some changed."""

    before: Column
    after: Column
    between: tuple[Column, ...]
    """The columns between them, where these cases could not be judged."""
    compared: int
    """How many cases were judged on both."""
    changes: tuple[Change, ...]

    @property
    def tally(self) -> list[tuple[tuple[str, str], int]]:
        """How many cases changed from what to what, the commonest first."""
        return Counter((c.before, c.after) for c in self.changes).most_common()


def span(columns: Sequence[Column]) -> str:
    """`1.12–1.15`, or one label."""
    first, last = columns[0].label, columns[-1].label
    return first if len(columns) == 1 else f"{first}–{last}"
