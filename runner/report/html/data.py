"""The data of index.html, as JSON that is safe inside a script element; bounded in size."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

from runner.grid import Column, Grid, Row
from runner.grid.tolerance import TOLERANCE
from runner.model import NO_TENSORFLOW, EnvironmentInfo, Result, Verdict
from runner.report import links, text
from runner.report.context import Context, command_base, command_end, plain_command
from runner.report.html.cells import MOST_NAME, CellRecords, log_prefix
from runner.serial import plain

LOG_LINES = 80
MOST_LOGS = 330_000
"""At most this many characters of log lines, each line counted once; then only files are named."""
STAMP = re.compile(
    r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: (?=[IWEF] )"
    r"|(?<=[IWEF])\d{4} (?:\d\d:){2}\d\d\.\d+ +\d+ )"
)
"""The time at which TensorFlow wrote a line; without it, equal lines are equal."""
MOST_DOCKERFILE = 20_000

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
    cells = CellRecords(logs.numbers)
    yield "columns", [_inert([_column(each, context.run.info.along) for each in grid.columns])]
    yield "rows", [_inert([_row(context, row, shifts[row.index]) for row in grid.rows])]
    yield "cells", _listed(_inert(cells.of_row(grid, row)) for row in grid.rows)
    rest = {
        "signatures": {e.letter: text.shortened(e.signature, 2_000) for e in grid.legend},
        "shared": cells.shared,
        "observed": cells.observed,
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
    case, quoted = text.clean(row.case), shlex.quote(row.case)
    facts = {
        "about": text.shortened(row.about, 500),
        "quoted": quoted if quoted != case else "",
        "saver": row.saver,
        "plain": plain_command(context, row),
        "prefix": log_prefix(context.grid, row),
        "shifts": shifts,
    }
    known = {name: fact for name, fact in facts.items() if fact}
    return {"repro": row.repro, "case": case, **known}


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
