"""The records ↔ JSON: matrix.json (schema 1), the journal's lines, the store's entries.

Reading is strict and raises ValueError with the field's name. NaN and infinities, which are no
JSON, are written as texts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from json.encoder import encode_basestring as _quoted
from operator import attrgetter
from typing import Any, Union

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
from runner.serial.values import DEEPEST, choice, items, mapping, optional, plain, whole, word

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
    fields = data if type(data) is dict else mapping(data, "")
    return tables.RESULT.build({**fields, "outcome": _outcome(fields)})


def environment_to_json(environment: EnvironmentInfo) -> Object:
    return tables.ENVIRONMENT.write(environment)


def run_info_to_json(info: RunInfo) -> Object:
    return tables.RUN_INFO.write(info)


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
    return _document((name, _texts(value)) for name, value in data.items())


def run_text(run: Run) -> str:
    """matrix.json: `dumps(run_to_json(run))`, without making objects of 100,000 cells."""
    lines: Texts = [line(result) for result in run.results] or "[]"
    rest = _run_to_json(run, ())
    return _document((n, lines if n == "cells" else _texts(value)) for n, value in rest.items())


Texts = Union[str, list[str]]
"""JSON; of a list that is not empty, each of its items."""


def _texts(value: Any) -> Texts:
    return [_line(each) for each in value] if isinstance(value, list) and value else _line(value)


def _document(members: Iterable[tuple[str, Texts]]) -> str:
    spread = (
        f"{_line(name)}: " + (texts if isinstance(texts, str) else _list(texts))
        for name, texts in members
    )
    return "{" + ",\n ".join(spread) + "}\n"


def _list(texts: list[str]) -> str:
    return "[\n  " + ",\n  ".join(texts) + "]"


_line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""As `json.dumps` would, which makes such an encoder on each call."""


def line(result: Result) -> str:
    """A line of the journal, without its end: `result_to_json` as text, and faster."""
    facts = [_quoted(f) if type(f) is str else _spelt(f) for f in _facts(result)]
    text = _CELL % tuple(facts)
    return text if text.isascii() else _line(result_to_json(result))  # half a surrogate pair?


def _spelt(fact: Any) -> str:
    """A fact as JSON, in ASCII where it could be anything but what `plain` makes of it."""
    if fact is None:
        return "null"
    kind = type(fact)
    if kind is bool:
        return "true" if fact else "false"
    if kind is float and math.isfinite(fact):
        return repr(fact)
    if kind is int and fact.bit_length() <= 64:
        return str(fact)
    if kind is dict:
        return _observed(fact) if fact else "{}"
    return _line(tables.written(fact))


def _observed(observations: Object) -> str:
    """As `plain` would have it, without looking at each value where the text shows what it is."""
    with suppress(TypeError, ValueError, RecursionError):
        text = _line(observations)
        named = text.count("{") == 1 and set(map(type, observations)) == {str}
        if named and text.count("[") < DEEPEST and not _LONG.search(text):
            return text
    return _line(plain(observations))


_LONG = re.compile(r"[ \[-][0-9]{19}")
"""The start of every integer beyond 64 bits."""
_PLACE = ("repro", "case", "tensorflow", "python", "device", "environment")
_OUTCOME = {
    "outcome": "outcome.verdict.value",
    "reason": "outcome.reason",
    "signature": "outcome.signature",
}
_FIELDS = {
    **dict(zip(_PLACE, _PLACE)),
    **_OUTCOME,
    **{name: name for name in tables.RESULT.names if name not in _PLACE},
}
"""What a cell is made of, in order, and where a `Result` has it."""
_CELL = "{" + ", ".join(f'"{name}": %s' for name in _FIELDS) + "}"
_facts = attrgetter(*_FIELDS.values())
