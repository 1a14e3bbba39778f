"""The data of index.html, as JSON that can stand inside a script element; bounded in size."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any

from runner.grid import Column, Grid, Row
from runner.model import EnvironmentInfo, Json, Result, Verdict
from runner.report import text
from runner.report.context import Context, command_base, plain_command

LOG_LINES = 80
MOST_LOGS = 3_000_000
"""Characters of all logs together; further cells name the file alone."""
MOST_OBSERVED = 2_000
"""Characters of one observation."""
MOST_DOCKERFILE = 20_000


def embedded(context: Context) -> str:
    """Nothing in it can end the element: `<`, `>` and `&` are written as escapes."""
    text_ = json.dumps(_data(context), ensure_ascii=False, separators=(",", ":"), allow_nan=True)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text_ = text_.replace(character, escape)
    text_ = text_.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text_.encode("utf-8", "replace").decode("utf-8")


def _data(context: Context) -> dict[str, Any]:
    grid = context.grid
    logs = _logs(context)
    distinct = {log: number for number, log in enumerate(dict.fromkeys(logs.values()))}
    numbers = {path: distinct[log] for path, log in logs.items()}
    return {
        "columns": [_column(column) for column in grid.columns],
        "rows": [_row(context, row) for row in grid.rows],
        "cells": [
            [_cell(context, row, column, numbers) for column in grid.columns] for row in grid.rows
        ],
        "signatures": {e.letter: text.clip(e.signature, 2_000) for e in grid.legend},
        "logs": list(distinct),
        "environments": {e.id: _environment(context, e) for e in context.run.environments},
        "command": command_base(context.run),
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "label": column.label,
        "tensorflow": column.tensorflow,
        "python": column.python,
        "device": column.device,
    }


def _row(context: Context, row: Row) -> dict[str, Any]:
    return {
        "repro": row.repro,
        "case": text.clean(row.case),
        "about": text.clip(row.about, 500),
        "quoted": shlex.quote(row.case),
        "plain": plain_command(context, row),
    }


def _cell(
    context: Context, row: Row, column: Column, logs: dict[str, int]
) -> dict[str, Any] | None:
    """What is not as usual; the page knows the defaults."""
    result, mark = context.grid.cell(row, column), context.grid.mark(row, column)
    if result is None:
        return None
    outcome = result.outcome
    facts: dict[str, Any] = {
        "verdict": outcome.verdict.value,
        "letter": mark.letter,
        "reason": text.clip(outcome.reason, 1_000),
        "environment": result.environment,
        "exit": result.exit_code,
        "signal": result.signal,
        "seconds": round(result.seconds, 2),
        "memory": round(result.max_rss_mb),
        "observed": {text.clip(k, 80): _observed(v) for k, v in result.observations.items()},
        "file": result.log,
        "log": logs.get(result.log or ""),
        "attempts": result.attempts if result.attempts != 1 else None,
        "cached": result.cached,
        "inferred": list(result.inferred)
        if isinstance(result.inferred, tuple)
        else result.inferred,
        "expected": result.expected,
        "unexpected": result.unexpected,
        "mode": result.mode if result.mode != "fresh" else None,
    }
    return {
        name: fact
        for name, fact in facts.items()
        if fact is not None and fact not in ("", {}) and fact is not False
    }


def _observed(value: Json) -> Json:
    try:
        whole = json.dumps(value)
    except (RecursionError, ValueError):
        return "(cannot be shown)"
    return value if len(whole) <= MOST_OBSERVED else f"{whole[:MOST_OBSERVED]} …"


def _logs(context: Context) -> dict[str, str]:
    """Path → the end of that log, until there are `MOST_LOGS`: failures first, then the rest."""
    kept: dict[str, str] = {}
    seen: set[str] = set()
    room = MOST_LOGS
    for result in _telling_first(context.grid):
        if result.log and room > 0:
            shown = "\n".join(text.lines(context.log(result), LOG_LINES))
            kept[result.log] = shown
            room -= 0 if shown in seen else len(shown)
            seen.add(shown)
    return kept


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
        "packages": list(environment.packages),
        "dockerfile": context.extras.dockerfiles.get(environment.id, "")[:MOST_DOCKERFILE],
    }
    return {name: fact for name, fact in facts.items() if fact}
