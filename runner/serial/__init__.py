"""The records ↔ JSON: matrix.json (schema 1), the journal's lines, the store's entries.

Reading is strict and raises ValueError with the field's name. NaN and infinities, which are no
JSON, are written as texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from runner.model import (
    EnvironmentInfo,
    Execution,
    Matrix,
    Outcome,
    Release,
    Result,
    Run,
    RunInfo,
    Verdict,
)
from runner.serial import tables
from runner.serial.values import choice, items, mapping, optional, plain, whole, word

SCHEMA = 1
_verdict = choice(Verdict)
_optional_word = optional(word)
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


def _outcome(fields: Object) -> Outcome:
    if "outcome" not in fields:
        raise ValueError("outcome is missing")
    return Outcome(
        verdict=_verdict(fields["outcome"], "outcome"),
        reason=_optional_word(fields.get("reason"), "reason") or "",
        signature=_optional_word(fields.get("signature"), "signature"),
    )


def result_to_json(result: Result) -> Object:
    """A cell of matrix.json, and a line of the journal."""
    facts = tables.RESULT.write(result)
    place = {name: facts.pop(name) for name in _PLACE}
    place.update(outcome_to_json(result.outcome))
    place.update(facts)
    return place


def result_from_json(data: object) -> Result:
    fields = mapping(data, "")
    return tables.RESULT.build({**fields, "outcome": _outcome(fields)})


def environment_to_json(environment: EnvironmentInfo) -> Object:
    return tables.ENVIRONMENT.write(environment)


def environment_from_json(data: object) -> EnvironmentInfo:
    return tables.ENVIRONMENT.read(data)


def run_info_to_json(info: RunInfo) -> Object:
    return tables.RUN_INFO.write(info)


def run_info_from_json(data: object) -> RunInfo:
    return tables.RUN_INFO.read(data)


def matrix_to_json(matrix: Matrix) -> Object:
    """A checked matrix.yaml."""
    return tables.MATRIX.write(matrix)


def matrix_from_json(data: object) -> Matrix:
    return tables.MATRIX.read(data)


def release_to_json(release: Release) -> Object:
    """A release of the catalogue."""
    return tables.RELEASE.write(release)


def release_from_json(data: object) -> Release:
    return tables.RELEASE.read(data)


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


_line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""As `json.dumps` would, which makes such an encoder on each call."""


def line(result: Result) -> str:
    """A line of the journal, without its end."""
    return _line(result_to_json(result))


_PLACE = ("repro", "case", "tensorflow", "python", "device", "environment")
