"""Selects the cases that must pass."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from runner.errors import UsageError
from runner.grid import Grid, Row
from runner.model import Verdict, is_named

NEAREST = 5
"""At most this many names are suggested for an unknown one."""


def required_rows(grid: Grid, globs: Sequence[str]) -> tuple[Row, ...]:
    """The rows that `globs` name, by case or by `repro/case`; without globs, all rows.

    Each glob must match a row. A glob with an `@` names variants. Otherwise a variant counts only
    if the case has no row without one. A test that says nothing counts only if a glob names no
    other. Raises `UsageError`.
    """
    usual = {row.case for row in grid.rows}
    plain = [row for row in grid.rows if _base(row) == row.case or _base(row) not in usual]
    chosen = set()
    for glob in globs or ["*"]:
        rows = grid.rows if "@" in glob else plain
        named = {row.index for row in rows if _named(row, glob)}
        if not named:
            raise UsageError(f"no case of the run is named {glob!r}; {_nearest(glob, grid.rows)}")
        chosen |= {at for at in named if not _says_nothing(grid, grid.rows[at])} or named
    return tuple(row for row in grid.rows if row.index in chosen)


def _says_nothing(grid: Grid, row: Row) -> bool:
    """Whether it is a test that was skipped everywhere, for example because it needs a GPU."""
    suite = any(repro.name == row.repro and repro.suite for repro in grid.run.repros)
    marks = [mark for mark in grid.marks[row.index] if mark.verdict is not None]
    return suite and bool(marks) and all(mark.verdict is Verdict.SKIP for mark in marks)


def _nearest(glob: str, rows: Sequence[Row]) -> str:
    """The names most similar to `glob`. A full list would hide the intended one."""
    names = list(dict.fromkeys(row.case for row in rows))
    if len(names) <= NEAREST:
        return f"there are: {', '.join(names) or 'none'}"
    nearest = difflib.get_close_matches(glob, names, NEAREST, 0.0)
    return f"the nearest {NEAREST} of {len(names)} are: {', '.join(nearest)}"


def _base(row: Row) -> str:
    return row.case.partition("@")[0]


def _named(row: Row, glob: str) -> bool:
    names = (row.case, f"{row.repro}/{row.case}")
    return any(is_named(name, (glob,)) for name in names)
