"""What a grid is made of: rows, columns, marks, letters, transitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Optional

from attrs import frozen

from runner.model import Json, Result, Verdict

PASS = "pass"
"""The finding of a cell that passed; that of any other judged cell is its signature's letter."""


@frozen(kw_only=True)
class Row:
    """One case of one repro."""

    index: int
    repro: str
    case: str
    about: str = ""
    base: str = ""
    """`case` without its variant: the name that all its variants share."""
    variant: str = ""
    """`keras=legacy`; empty for the usual way."""


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
    pythons: tuple[str, ...] = ()
    """All that are in it: several where cases vary Python, which have rows of their own."""
    gap: bool = False
    """Whether releases that were not run lie between the column before on its device and this."""
    newest: bool = True
    """Whether no newer release is known."""
    value: str = ""
    """Of the axis whose values are the columns; empty where TensorFlow's releases are."""

    @property
    def version(self) -> str:
        """What tells the column from its neighbours."""
        return self.value or self.tensorflow


@frozen(kw_only=True, slots=False, cache_hash=True)
class Mark:
    """What a cell shows; `verdict` is None where there is no result. Cells that show the same share
    one: of 100,000 cells there are a few dozen."""

    verdict: Optional[Verdict] = None
    letter: str = ""
    unexpected: bool = False
    inferred: bool = False
    votes: str = ""
    """`3/5` where the attempts did not all say the same: how many said what is shown."""
    impossible: bool = False
    """A variant that does not exist on this release: there is no such cell."""

    @cached_property
    def measured(self) -> bool:
        """Whether somebody saw this happen: judged, and not inferred."""
        return self.verdict is not None and self.verdict.judged and not self.inferred

    @cached_property
    def finding(self) -> Optional[str]:
        """`pass` or a letter; None where nothing was measured about TensorFlow."""
        return (self.letter or PASS) if self.measured else None


@frozen(kw_only=True)
class Entry:
    """One letter of the legend."""

    index: int
    letter: str
    signature: str
    verdict: Verdict
    count: int
    """Cells that show it, inferred ones too."""
    inferred: int
    first: Result
    """The first cell that shows it, in reading order; measured, where one was."""


@frozen(kw_only=True)
class CellChange:
    row: Row
    before: str
    after: str


@frozen(kw_only=True)
class Control:
    """A release that ran with the Python of another one, or with its version of a package."""

    row: Row
    column: Column
    """The release that it is."""
    other: Column
    what: str
    """`Python`, or a package."""
    version: str
    """Of that, as the other release has it."""
    usual: str
    """Of that, as this release has it otherwise."""
    result: Result
    own: Result
    """What the release shows otherwise."""
    others: Result
    """What the other release shows."""

    @property
    def judged(self) -> bool:
        return self.result.outcome.verdict.judged

    @property
    def as_usual(self) -> bool:
        """It ends as it does otherwise: the change is not of `what`."""
        return self.result.outcome.finding == self.own.outcome.finding

    @property
    def as_other(self) -> bool:
        """It ends as the other release: the change is of `what`, not TensorFlow's."""
        return self.result.outcome.finding == self.others.outcome.finding


@frozen(kw_only=True)
class Transition:
    """Two columns that are nearest measured neighbours for some cases, of which some changed."""

    before: Column
    after: Column
    between: tuple[Column, ...]
    """The columns between them, where these cases could not be judged."""
    compared: int
    """How many cases were measured on both."""
    changes: tuple[CellChange, ...]
    controls: tuple[Control, ...] = ()
    """What was found out about whether these are TensorFlow's."""

    @property
    def tally(self) -> list[tuple[tuple[str, str], int]]:
        """How many cases changed from what to what, the commonest first."""
        return Counter((c.before, c.after) for c in self.changes).most_common()


@frozen(kw_only=True)
class Shift:
    """An observed value that is not what it was, in a case that ends as it did."""

    row: Row
    name: str
    before: Column
    after: Column
    old: Json
    new: Json


def ranges(columns: Sequence[Column]) -> list[tuple[Column, ...]]:
    """Neighbouring columns, taken apart where releases that were not run lie between them."""
    parts: list[list[Column]] = []
    for column in columns:
        if not parts or column.gap:
            parts.append([])
        parts[-1].append(column)
    return [tuple(part) for part in parts]


def release_range(columns: Sequence[Column]) -> str:
    """`1.12–1.15`, or one label; `1.15, 2.4–2.6` where nothing is known of what lies between."""
    return ", ".join(stretch(part, "–") for part in ranges(columns))


def stretch(columns: Sequence[Column], to: str) -> str:
    """`1.12–1.15`, `keras 3.1.1–3.4.1`: the first and the last of neighbours."""
    first, last = columns[0].label, columns[-1].label
    shared = f"{first.partition(' ')[0]} "
    return first if first == last else f"{first}{to}{last.removeprefix(shared)}"
