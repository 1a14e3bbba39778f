"""The parts of a grid: rows, columns, marks, letters, transitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import groupby
from typing import Optional

from attrs import frozen

from runner.model import Json, Result, Verdict

PASS = "pass"
"""The finding of a cell that passed; any other judged cell has its signature's letter."""


@frozen(kw_only=True)
class Row:
    """One case of one repro."""

    index: int
    repro: str
    case: str
    about: str = ""
    base: str = ""
    """`case` without its variant: all its variants share this name."""
    variant: str = ""
    """For example `keras=legacy`; empty if there is no variant."""
    saver: str = ""
    """The release that saved what the case loads; empty if it loads nothing of another release."""


@frozen(kw_only=True)
class Column:
    """A release on a device with one Python. It has several environments if repros add packages."""

    index: int
    tensorflow: str
    device: str
    python: str
    label: str
    """The shortest name that is unique on this device: `2.9`, `2.9.1`, `2.9.1 py3.8`."""
    environments: tuple[str, ...]
    pythons: tuple[str, ...] = ()
    """All its Pythons: several if cases vary the Python, which then have their own rows."""
    gap: bool = False
    """Whether a release that was not run lies between the device's previous column and this one."""
    newest: bool = True
    """Whether no newer release is known."""
    value: str = ""
    """The value of the axis that the columns show; empty if they show TensorFlow's releases."""

    @property
    def version(self) -> str:
        """The version in which the column differs from its neighbours."""
        return self.value or self.tensorflow


@frozen(kw_only=True, slots=False, cache_hash=True)
class Mark:
    """What a cell shows; `verdict` is None if there is no result.

    Cells that show the same share a mark: 100,000 cells have a few dozen.
    """

    verdict: Optional[Verdict] = None
    letter: str = ""
    unexpected: bool = False
    inferred: bool = False
    votes: str = ""
    """`3/5` if the attempts differ: 3 of 5 ended as the cell shows."""
    impossible: bool = False
    """Whether the variant does not exist on this release, so that there is no such cell."""

    @cached_property
    def measured(self) -> bool:
        """Whether the cell was judged from a measurement, not inferred."""
        return self.verdict is not None and self.verdict.judged and not self.inferred

    @cached_property
    def finding(self) -> Optional[str]:
        """`pass` or a letter; None if the cell is no evidence about TensorFlow."""
        return (self.letter or PASS) if self.measured else None


IMPOSSIBLE = Mark(impossible=True)
"""The mark of a cell that a variant rules out: the cell is neither shown nor counted."""


@frozen(kw_only=True)
class Entry:
    """One letter of the legend."""

    index: int
    letter: str
    signature: str
    verdict: Verdict
    count: int
    """How many cells show the letter, inferred ones too."""
    inferred: int
    """How many of these are inferred."""
    first: Result
    """The first cell that shows the letter, in reading order; a measured one if possible."""


@frozen(kw_only=True)
class CellChange:
    row: Row
    before: str
    after: str


@frozen(kw_only=True)
class Control:
    """A cell whose release ran with the Python, or the version of a package, of another release."""

    row: Row
    column: Column
    """The release that ran."""
    other: Column
    """The release whose Python or package it ran with."""
    what: str
    """`Python`, or the name of a package."""
    version: str
    """The version of `what` in the control: that of the other release."""
    usual: str
    """The version of `what` that this release usually has."""
    result: Result
    """The result of the control."""
    own: Result
    """The usual result of this release."""
    others: Result
    """The usual result of the other release."""

    @property
    def judged(self) -> bool:
        return self.result.outcome.verdict.judged

    @property
    def as_usual(self) -> bool:
        """Whether the control ends like the release itself: then `what` is not the cause."""
        return self.result.outcome.finding == self.own.outcome.finding

    @property
    def as_other(self) -> bool:
        """Whether the control ends like the other release: then `what` is the cause."""
        return self.result.outcome.finding == self.others.outcome.finding


@frozen(kw_only=True)
class Transition:
    """Two columns between which some cases change; they are nearest measured neighbours."""

    before: Column
    after: Column
    between: tuple[Column, ...]
    """The columns between them, on which these cases could not be judged."""
    compared: int
    """How many cases have these two columns as nearest measured neighbours."""
    changes: tuple[CellChange, ...]
    controls: tuple[Control, ...] = ()
    """The controls that tell whether TensorFlow caused the changes."""

    @property
    def tally(self) -> list[tuple[tuple[str, str], int]]:
        """((before, after), number of cases), the most frequent change first."""
        return Counter((c.before, c.after) for c in self.changes).most_common()


@frozen(kw_only=True)
class Shift:
    """A change of an observed value in a case whose finding stays the same."""

    row: Row
    name: str
    before: Column
    after: Column
    old: Json
    new: Json


def ranges(columns: Sequence[Column]) -> list[tuple[Column, ...]]:
    """The columns in groups, split where releases that were not run lie between two of them."""
    parts: list[list[Column]] = []
    for column in columns:
        if not parts or column.gap:
            parts.append([])
        parts[-1].append(column)
    return [tuple(part) for part in parts]


def neighbours(some: Collection[Column], every: Sequence[Column]) -> list[list[Column]]:
    """Those of `every` that are in `some`, in groups that no other column of `every` divides."""
    groups = groupby(every, key=lambda column: column in some)
    return [list(group) for there, group in groups if there]


def release_range(columns: Sequence[Column]) -> str:
    """The columns as text: `2.4`, `1.12–1.15`, or `1.15, 2.4–2.6` if 2.0 to 2.3 were not run."""
    return ", ".join(stretch(part, "–") for part in ranges(columns))


def stretch(columns: Sequence[Column], to: str) -> str:
    """The first and the last of neighbours: `1.12–1.15`, `keras 3.1.1–3.4.1`."""
    first, last = columns[0].label, columns[-1].label
    shared = f"{first.partition(' ')[0]} "
    return first if first == last else f"{first}{to}{last.removeprefix(shared)}"
