"""The records ↔ JSON: matrix.json (schema 1), the journal's lines, the store's entries.

Reading is strict and raises ValueError with the field's name. NaN and infinities, which are no
JSON, are written as texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from runner.model import EnvironmentInfo, Execution, Outcome, Result, Run, RunInfo, Verdict
from runner.serial import tables
from runner.serial.values import choice, items, mapping, optional, plain, text, whole

SCHEMA = 1
Object = dict[str, Any]


def execution_to_json(execution: Execution) -> Object:
    return tables.EXECUTION.write(execution)


def execution_from_json(data: object) -> Execution:
    return tables.EXECUTION.read(data)


def outcome_to_json(outcome: Outcome) -> Object:
    """The three fields that an outcome has in a cell of matrix.json."""
    return {
        "outcome": outcome.verdict.value,
        "reason": plain(outcome.reason),
        "signature": plain(outcome.signature),
    }


def outcome_from_json(data: object) -> Outcome:
    fields = mapping(data, "")
    if "outcome" not in fields:
        raise ValueError("outcome is missing")
    return Outcome(
        verdict=choice(Verdict)(fields["outcome"], "outcome"),
        reason=optional(text)(fields.get("reason"), "reason") or "",
        signature=optional(text)(fields.get("signature"), "signature"),
    )


def result_to_json(result: Result) -> Object:
    """A cell of matrix.json, and a line of the journal."""
    facts = tables.RESULT.write(result)
    place = {name: facts.pop(name) for name in _PLACE}
    return {**place, **outcome_to_json(result.outcome), **facts}


def result_from_json(data: object) -> Result:
    return tables.RESULT.read({**mapping(data, ""), "outcome": outcome_from_json(data)})


def environment_to_json(environment: EnvironmentInfo) -> Object:
    return tables.ENVIRONMENT.write(environment)


def environment_from_json(data: object) -> EnvironmentInfo:
    return tables.ENVIRONMENT.read(data)


def run_info_to_json(info: RunInfo) -> Object:
    return tables.RUN_INFO.write(info)


def run_info_from_json(data: object) -> RunInfo:
    return tables.RUN_INFO.read(data)


def head_to_json(run: Run) -> Object:
    """run.json: matrix.json without its cells."""
    return {name: value for name, value in _run_to_json(run, ()).items() if name != "cells"}


def head_from_json(data: object) -> Run:
    return run_from_json({**mapping(data, ""), "cells": []})


def run_to_json(run: Run) -> Object:
    """matrix.json, schema 1; `repros` is our addition to it."""
    return _run_to_json(run, run.results)


def _run_to_json(run: Run, results: Sequence[Result]) -> Object:
    return {
        "schema": SCHEMA,
        "run": run_info_to_json(run.info),
        "environments": [environment_to_json(each) for each in run.environments],
        "cells": [result_to_json(each) for each in results],
        "repros": [tables.REPRO.write(each) for each in run.repros],
    }


def run_from_json(data: object) -> Run:
    fields = mapping(data, "")
    schema = whole(fields.get("schema"), "schema")
    if schema != SCHEMA:
        raise ValueError(f"schema: this tfmatrix reads {SCHEMA}, not {schema}")
    for name in ("run", "environments", "cells"):
        if name not in fields:
            raise ValueError(f"{name} is missing")
    return Run(
        info=tables.RUN_INFO.read(fields["run"], "run"),
        environments=items(tables.ENVIRONMENT.read)(fields["environments"], "environments"),
        results=tuple(
            _cell(each, f"cells[{i}]")
            for i, each in enumerate(items(mapping)(fields["cells"], "cells"))
        ),
        repros=items(tables.REPRO.read)(fields.get("repros", []), "repros"),
    )


def _cell(data: Object, where: str) -> Result:
    try:
        return result_from_json(data)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from None


def dumps(data: Object) -> str:
    """JSON for people and `git diff` too: one line for each cell and environment."""
    return "{" + ",\n ".join(_members(data)) + "}\n"


def _members(data: Object) -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, list) and value:
            yield f"{_line(name)}: [\n  " + ",\n  ".join(_line(each) for each in value) + "]"
        else:
            yield f"{_line(name)}: {_line(value)}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


_PLACE = ("repro", "case", "tensorflow", "python", "device", "environment")
