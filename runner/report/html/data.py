"""The data of index.html, as JSON that is safe inside a script element; bounded in size."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

from runner.cells.left_files import is_inside
from runner.grid import Column, Grid, Mark, Row
from runner.grid.tolerance import TOLERANCE
from runner.model import NO_TENSORFLOW, EnvironmentInfo, Json, Result, Verdict
from runner.report import links, text
from runner.report.context import Context, command_base, command_end, plain_command
from runner.serial import plain

LOG_LINES = 80
MOST_LOGS = 330_000
"""At most this many characters of log lines, each line counted once; then only files are named."""
STAMP = re.compile(
    r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: (?=[IWEF] )"
    r"|(?<=[IWEF])\d{4} (?:\d\d:){2}\d\d\.\d+ +\d+ )"
)
"""The time at which TensorFlow wrote a line; without it, equal lines are equal."""
MOST_OBSERVED = 2_000
"""At most this many characters of one observation."""
MOST_LEFT, MOST_LEFT_OF_A_CELL = 300_000, 50
"""What cells left: at most this many characters of names, and this many files of one cell."""
MOST_DOCKERFILE = 20_000
MOST_NAME = 80

ESCAPES = (
    *(("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")),
    *(("\u2028", "\\u2028"), ("\u2029", "\\u2029")),
    ("##[", "##\\u005b"),  # a workflow's log would run it as a command
)


def embedded_json(context: Context) -> Iterator[str]:
    """The JSON text in pieces. Nothing in it can end the element: `<`, `>` and `&` are escaped.

    Characters that change the direction of text are removed, because the script puts it into the
    page.
    """
    for start, (name, values) in zip(chain("{", repeat(",")), _members(context)):
        yield f'{start}"{name}":'
        yield from values
    yield "}"


def _inert(value: Any) -> str:
    data = _dumped(value)
    if not data.isprintable() or "\\u0" in data:  # rare, and the check below is slow
        data = _dumped(_visible(value)).encode("utf-8", "replace").decode("utf-8")
    for character, escape in ESCAPES:
        data = data.replace(character, escape)
    return data


def _visible(data: Any) -> Any:
    if isinstance(data, str):
        return text.visible(data)
    if isinstance(data, dict):
        return {_visible(key): _visible(value) for key, value in data.items()}
    return list(map(_visible, data)) if isinstance(data, (list, tuple)) else data


def _dumped(data: Any) -> str:
    """JSON that a browser can read; it does not know NaN."""
    try:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return _dumped(plain(data))


def _members(context: Context) -> Iterator[tuple[str, Iterable[str]]]:
    """The names, and the pieces of the values as JSON. The records of 100,000 cells take much
    memory, so only those of one row exist at a time."""
    grid = context.grid
    logs, shifts = _Logs(context), _shifts(grid)
    observed, left = _Distinct(), _LeftFiles()
    yield "columns", [_inert([_column(each, context.run.info.along) for each in grid.columns])]
    yield "rows", [_inert([_row(context, row, shifts[row.index]) for row in grid.rows])]
    cells = (
        [
            0 if mark.impossible else result and _cell(result, mark, logs.numbers, observed, left)
            for result, mark in zip(results, marks)
        ]
        for results, marks in zip(grid.cells, grid.marks)
    )
    yield "cells", _listed(map(_inert, cells))
    rest = {
        "signatures": {e.letter: text.shortened(e.signature, 2_000) for e in grid.legend},
        "observed": list(observed.values()),
        "lines": list(logs.lines),
        "logs": logs.written,
        "archive": context.extras.archive,
        "environments": {e.id: _environment(context, e) for e in context.run.environments},
        "command": command_base(context.run),
        "words": command_end(context.run),
        "tolerance": TOLERANCE,
    }
    yield from ((name, [_inert(value)]) for name, value in rest.items())


def _listed(values: Iterable[str]) -> Iterator[str]:
    yield "["
    for start, value in zip(chain([""], repeat(",")), values):
        yield start + value
    yield "]"


def _shifts(grid: Grid) -> dict[int, dict[str, list[int]]]:
    """For each row: the observed names that change, and the columns from which they differ."""
    found: dict[int, dict[str, list[int]]] = defaultdict(dict)
    for shift in grid.shifts:
        columns = found[shift.row.index].setdefault(text.shortened(shift.name, MOST_NAME), [])
        columns.append(shift.after.index)
    return found


def _column(column: Column, along: str) -> dict[str, Any]:
    return {
        "label": column.label,
        "tensorflow": "none" if column.tensorflow == NO_TENSORFLOW else column.tensorflow,
        "python": column.python,
        "device": text.clean(column.device),
        "key": links.column_key(column),
        "value": text.clean(f"{along} {column.value}") if column.value else "",
        "environments": list(column.environments),
    }


def _row(context: Context, row: Row, shifts: dict[str, list[int]]) -> dict[str, Any]:
    return {
        "repro": row.repro,
        "case": text.clean(row.case),
        "about": text.shortened(row.about, 500),
        "quoted": shlex.quote(row.case),
        **({"saver": row.saver} if row.saver else {}),
        "plain": plain_command(context, row),
        "shifts": shifts,
    }


def _cell(
    result: Result, mark: Mark, logs: dict[str, int], observed: _Distinct, left: _LeftFiles
) -> dict[str, Any]:
    """What differs from the page's defaults."""
    outcome, log = result.outcome, result.log
    notes = [f"It fails in {result.place}.", *result.notes] if result.place else result.notes
    values = {text.shortened(k, MOST_NAME): _observed(v) for k, v in result.observations.items()}
    facts: dict[str, Any] = {
        "verdict": outcome.verdict.value,
        "letter": mark.letter or None,
        "reason": text.shortened(outcome.reason or "", 1_000) or None,
        "environment": result.environment or None,
        "exit": result.exit_code,
        "signal": result.signal,
        "seconds": round(result.seconds, 2) if result.attempts else None,
        "memory": round(result.max_rss_mb) or None,
        "notes": [text.shortened(note, 300) for note in notes] or None,
        "observed": observed.number(values) if values else None,
        "file": log or None,
        "log": logs.get(log) if log else None,
        "left": left.listed(result) or None,
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


def _observed(value: Json) -> Json:
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


class _Distinct(dict[str, dict[str, Json]]):
    """Different observations, each stored once: most cells of a case observe the same."""

    def number(self, observed: dict[str, Json]) -> int:
        key = repr(observed)
        if key not in self:
            self[key] = observed
            self._numbers[key] = len(self._numbers)
        return self._numbers[key]

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[str, int] = {}


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


class _Logs:
    """The ends of logs as lists of line numbers. Each line is stored once, at most `MOST_LOGS`
    characters in all; failures come first."""

    def __init__(self, context: Context) -> None:
        self.lines: dict[str, int] = {}
        self.written: list[list[int]] = []
        self.numbers: dict[str, int] = {}
        """The path of a log → its index in `written`."""
        known: dict[tuple[int, ...], int] = {}
        room = MOST_LOGS
        for result in _telling_first(context.grid):
            if not result.log or room <= 0 or result.log in self.numbers:
                continue
            shown = [STAMP.sub("", line) for line in text.log_lines(context.log(result), LOG_LINES)]
            new = {line for line in shown if line not in self.lines}
            room -= sum(map(len, new)) + 4 * len(shown)
            log = tuple(self.lines.setdefault(line, len(self.lines)) for line in shown)
            if log not in known:
                known[log] = len(self.written)
                self.written.append(list(log))
            self.numbers[result.log] = known[log]


def _telling_first(grid: Grid) -> Iterable[Result]:
    firsts = [entry.first for entry in grid.legend]
    rest = sorted(grid.results, key=lambda result: result.outcome.verdict is Verdict.PASS)
    return [*firsts, *rest]


def _environment(context: Context, environment: EnvironmentInfo) -> dict[str, Any]:
    facts = {
        "image": environment.image,
        "key": environment.key,
        "engine": environment.engine,
        "released": environment.released,
        "git_version": context.git_versions.get(environment.id, ""),
        "packages": list(environment.packages),
        "dockerfile": context.extras.dockerfiles.get(environment.id, "")[:MOST_DOCKERFILE],
    }
    return {name: fact for name, fact in facts.items() if fact}
