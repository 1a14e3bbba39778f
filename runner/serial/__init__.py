"""Records ⇄ JSON: matrix.json, the journal's lines, the store's entries.

`plain` writes any record and `from_json` reads it again. A `Result` is written flat, its outcome's
fields beside its own, and a `Run` under the names of matrix.json.
"""

from __future__ import annotations

import re
import sys
from operator import attrgetter
from typing import Any, Optional, Union

import attrs
import msgspec
from attrs import frozen
from packaging.version import InvalidVersion

from runner.model import (
    EnvironmentInfo,
    Outcome,
    Repro,
    Result,
    Run,
    RunInfo,
    Verdict,
    Whole,
    parsed_version,
)
from runner.serial.plain import plain
from runner.serial.reading import from_json, invalid_field

__all__ = [
    "dumps",
    "from_json",
    "head_to_json",
    "parse",
    "plain",
    "result_from_json",
    "result_line",
    "result_to_json",
    "run_from_json",
    "run_text",
    "run_to_json",
]

SCHEMA = 1
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
Object = dict[str, Any]


def parse(text: Union[bytes, str]) -> Any:
    """What JSON text says. Raises ValueError, for half a surrogate pair (`"\\ud800"`) too, which
    nothing could be written with; RecursionError where it is nested too deeply."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError as error:  # a ValueError in newer releases of msgspec only
        raise ValueError(str(error)) from None


# --- Objects -----------------------------------------------------------------------------------


def result_to_json(result: Result) -> Object:
    """A cell of matrix.json, and a line of the journal."""
    return {name: plain(fact) for name, fact in zip(_CELL, _facts(result))}


def result_from_json(data: Any, where: str = "") -> Result:
    """Raises ValueError with the path of the field that is wrong, as `from_json` does."""
    if not isinstance(data, dict):
        raise invalid_field(where, "an object", data)
    try:
        shared = {name: sys.intern(data[name]) for name in _SHARED if type(data.get(name)) is str}
        cell = {**data, **shared}
        found = from_json(_Judgement, cell)
        cell["outcome"] = Outcome(
            verdict=found.outcome, reason=found.reason or "", signature=found.signature
        )
        result = from_json(Result, cell)
        _check_versions(result)
    except ValueError as error:
        raise ValueError(f"{where}.{error}" if where else str(error)) from None
    return result


def head_to_json(run: Run) -> Object:
    """run.json: matrix.json without its cells."""
    return {
        "schema": SCHEMA,
        "run": plain(run.info),
        "environments": plain(run.environments),
        "repros": plain(run.repros),
    }


def run_to_json(run: Run) -> Object:
    """matrix.json, schema 1; `repros` is our addition to it."""
    return _with_cells(
        head_to_json(run),
        [result_to_json(each) for each in run.results],
        [result_to_json(each) for each in run.controls],
    )


def run_from_json(data: object) -> Run:
    """Of matrix.json, or of run.json, which has no cells."""
    schema = from_json(_Schema, data).schema
    if schema != SCHEMA:
        raise ValueError(f"schema: this tfmatrix reads {SCHEMA}, not {schema}")
    read = from_json(_Run, data)
    if read.run.along and not _PACKAGE.fullmatch(read.run.along):
        raise invalid_field("run.along", "the name of a package", read.run.along)
    for number, environment in enumerate(read.environments):
        _check_versions(environment, f"environments[{number}].")
    return Run(
        info=read.run,
        environments=read.environments,
        results=tuple(result_from_json(each, f"cells[{n}]") for n, each in enumerate(read.cells)),
        repros=read.repros,
        controls=tuple(
            result_from_json(each, f"controls[{n}]") for n, each in enumerate(read.controls)
        ),
    )


def _with_cells(head: Object, cells: object, controls: object) -> Object:
    """The cells in their place, which is before the repros; controls where there are any."""
    repros = head.pop("repros")
    return {
        **head,
        "cells": cells,
        **({"controls": controls} if controls else {}),
        "repros": repros,
    }


def _check_versions(record: Union[Result, EnvironmentInfo], where: str = "") -> None:
    """Reports sort by these, and so must be able to read them."""
    for name in ("tensorflow", "python"):
        version = getattr(record, name)
        try:
            parsed_version(version)
        except InvalidVersion:
            raise invalid_field(where + name, "a version", version) from None


# --- Text --------------------------------------------------------------------------------------


def result_line(result: Result) -> str:
    """A line of the journal, without its end: `result_to_json` as text, and faster."""
    cell = dict(zip(_CELL, _facts(result)))
    cell["observations"] = plain(result.observations)
    try:
        return _text(cell)
    except UnicodeEncodeError:  # half a surrogate pair
        return _text(plain(cell))


def run_text(run: Run) -> str:
    """matrix.json: `dumps(run_to_json(run))`, without making objects of 100,000 cells."""
    return dumps(
        _with_cells(
            head_to_json(run),
            [msgspec.Raw(result_line(each)) for each in run.results],
            [msgspec.Raw(result_line(each)) for each in run.controls],
        )
    )


def dumps(data: Object) -> str:
    """JSON for people and `git diff` too: one line for each cell and environment."""
    members = (f"{_text(name)}: {_spread(value)}" for name, value in data.items())
    return "{" + ",\n ".join(members) + "}\n"


def _spread(value: Any) -> str:
    """A list that is not empty on several lines, anything else on one."""
    if not isinstance(value, list) or not value:
        return _text(value)
    return "[\n  " + ",\n  ".join(map(_text, value)) + "]"


def _text(value: Any) -> str:
    """JSON on one line, spaced as `json.dumps` does it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode("utf-8")


# --- Where files and records differ --------------------------------------------

_OUTCOME = {
    "outcome": "outcome.verdict",
    "reason": "outcome.reason",
    "signature": "outcome.signature",
}
_CELL: dict[str, str] = {}
"""Each field of a cell, in order, and where a `Result` has it."""
for _field in attrs.fields(Result):
    _CELL.update(_OUTCOME if _field.name == "outcome" else {_field.name: _field.name})
_facts = attrgetter(*_CELL.values())

_SHARED = ("case", "environment", "expected", "mode_reason", "reason", "repro", "signature")
"""Texts that many records share: one copy is kept of each."""


@frozen(kw_only=True)
class _Judgement:
    """The fields of an outcome, as they stand in a cell."""

    outcome: Verdict
    reason: Optional[str] = None
    signature: Optional[str] = None


@frozen(kw_only=True)
class _Schema:
    schema: Whole


@frozen(kw_only=True)
class _Run:
    run: RunInfo
    environments: tuple[EnvironmentInfo, ...]
    cells: tuple[Any, ...] = ()
    controls: tuple[Any, ...] = ()
    repros: tuple[Repro, ...] = ()
