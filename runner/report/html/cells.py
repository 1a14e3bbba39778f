"""The cells in the data of index.html: short lists, because there may be 40,000.

What most cells have in common, such as `pass` with exit code 0, is stored once and named by its
number. `index.js` puts a cell together again (`at`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from operator import attrgetter
from typing import Any

from runner.cells.left_files import is_inside
from runner.grid import Column, Grid, Mark, Row
from runner.model import Json, Result
from runner.report import text

MOST_OBSERVED = 2_000
"""At most this many characters of one observation."""
MOST_LEFT, MOST_LEFT_OF_A_CELL = 300_000, 50
"""What cells left: at most this many characters of names, and this many files of one cell."""
MOST_NAME = 80

SHARED = attrgetter(
    *("outcome", "exit_code", "signal", "attempts", "cached", "inferred", "expected"),
    *("unexpected", "mode", "mode_reason", "worker", "notes", "place"),
)
"""All of a result that `_shared` tells."""


class CellRecords:
    """Cells as lists. What they refer to by number is complete when all of them are made."""

    def __init__(self, logs: Mapping[str, int]) -> None:
        """`logs`: the path of a log → its number."""
        self.shared: list[dict[str, Any]] = []
        self.observed: list[dict[str, Json]] = []
        self._logs = logs
        self._shared_number = _Numbers(self.shared)
        self._observed_number = _Numbers(self.observed)
        self._left = _LeftFiles()

    def of_row(self, grid: Grid, row: Row) -> list[Any]:
        """For each column a cell; None if there is no result, 0 if there can be none."""
        prefix = log_prefix(grid, row)
        cells = zip(grid.columns, grid.cells[row.index], grid.marks[row.index])
        return [
            0 if mark.impossible else result and self._cell(result, mark, column, prefix)
            for column, result, mark in cells
        ]

    def _cell(self, result: Result, mark: Mark, column: Column, prefix: str) -> list[Any]:
        """Numbers of what it shares, seconds, MiB, observations, file, log, environment, and what
        it left.

        The file is 1 if it has its row's usual name. What is None or missing is not known; such an
        environment is the column's first.
        """
        shared = (mark, *SHARED(result))
        values = {text.shortened(k, MOST_NAME): _value(v) for k, v in result.observations.items()}
        cell = [
            self._shared_number.of(shared, lambda: _shared(result, mark)),
            round(result.seconds, 2) if result.attempts else None,
            round(result.max_rss_mb) or None,
            self._observed_number.of(repr(values), lambda: values) if values else None,
            1 if result.log == f"{prefix}{result.environment}.txt" else result.log or None,
            self._logs.get(result.log) if result.log else None,
            None if result.environment in column.environments[:1] else result.environment,
            self._left.listed(result) or None,
        ]
        while cell[-1] is None:
            cell.pop()
        return cell


def log_prefix(grid: Grid, row: Row) -> str:
    """What the names of the row's logs begin with: then come the environment and `.txt`."""
    logged = (cell for cell in grid.cells[row.index] if cell and cell.log)
    ends = ((cell.log or "", f"{cell.environment}.txt") for cell in logged)
    return next((log[: -len(end)] for log, end in ends if log.endswith(end)), "")


def _shared(result: Result, mark: Mark) -> dict[str, Any]:
    """What differs from the page's defaults."""
    notes = [f"It fails in {result.place}.", *result.notes] if result.place else result.notes
    facts: dict[str, Any] = {
        "verdict": result.outcome.verdict.value,
        "letter": mark.letter or None,
        "reason": text.shortened(result.outcome.reason or "", 1_000) or None,
        "exit": result.exit_code,
        "signal": result.signal,
        "notes": [text.shortened(note, 300) for note in notes] or None,
        "attempts": result.attempts if result.attempts > 1 else None,
        "votes": mark.votes or None,
        "cached": result.cached or None,
        "inferred": result.inferred or None,
        "expected": result.expected or None,
        "unexpected": result.unexpected or None,
        "mode": result.mode if result.mode not in ("", "fresh") else None,
        "why": text.shortened(result.mode_reason or "", 300) or None,
        "worker": text.shortened(result.worker or "", 100) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _value(value: Json) -> Json:
    if value is None or isinstance(value, (bool, float)) or _short(value):
        return value
    try:
        whole = json.dumps(value)
    except (RecursionError, ValueError):
        return "(cannot be shown)"
    return value if len(whole) <= MOST_OBSERVED else f"{whole[:MOST_OBSERVED]} …"


def _short(value: Json) -> bool:
    """Whether it is surely short: a list of a few floats, as most observations are."""
    return isinstance(value, list) and len(value) <= 50 and all(type(v) is float for v in value)


class _Numbers:
    """Stores each different value once, in `values`, and tells its number."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values
        self._known: dict[Hashable, int] = {}

    def of(self, key: Hashable, value: Callable[[], Any]) -> int:
        if key not in self._known:
            self._known[key] = len(self._values)
            self._values.append(value())
        return self._known[key]


class _LeftFiles:
    """Lists what cells left in `out/`, as long as the page has room; then it only counts."""

    def __init__(self) -> None:
        self._room = MOST_LEFT

    def listed(self, result: Result) -> dict[str, Any]:
        known = [file for file in result.files if is_inside(file.path)]
        self._room -= sum(len(file.name) + len(file.path) for file in known)
        shown = known[:MOST_LEFT_OF_A_CELL] if self._room > 0 else []
        files = [[text.clean(file.name), file.path, file.size] for file in shown]
        return {"files": files, "more": len(known) - len(shown)} if known else {}
