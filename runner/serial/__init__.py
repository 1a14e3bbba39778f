"""Records ⇄ JSON: matrix.json, the journal's lines, the store's entries.

`plain` writes any record and `from_json` reads it again. A `Result` is written flat, its outcome's
fields beside its own, and a `Run` under the names of matrix.json.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
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
    """The value of a JSON text.

    Raises ValueError, also for half a surrogate pair (`"\\ud800"`), which cannot be written again.
    Raises RecursionError if it is nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError as error:  # a ValueError only in newer releases of msgspec
        raise ValueError(str(error)) from None


# --- Objects -----------------------------------------------------------------------------------


def result_to_json(result: Result) -> Object:
    """A cell of matrix.json, and a line of the journal."""
    return {name: plain(fact) for name, fact in zip(_CELL, _facts(result))}


def result_from_json(data: Any, where: str = "") -> Result:
    """The result in a JSON object. Raises ValueError with the
    path of a wrong field, as `from_json`."""
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
    """matrix.json, schema 1; `repros` is an addition to the contract."""
    return _with_cells(
        head_to_json(run),
        [result_to_json(each) for each in run.results],
        [result_to_json(each) for each in run.controls],
    )


def run_from_json(data: object) -> Run:
    """The run in matrix.json, or in run.json, which has no cells."""
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
    """`head` with the cells before the repros, and with the controls if there are any."""
    repros = head.pop("repros")
    return {
        **head,
        "cells": cells,
        **({"controls": controls} if controls else {}),
        "repros": repros,
    }


def _check_versions(record: Union[Result, EnvironmentInfo], where: str = "") -> None:
    """Raises ValueError for a version that cannot be read, because reports sort by versions."""
    for name in ("tensorflow", "python"):
        version = getattr(record, name)
        try:
            parsed_version(version)
        except InvalidVersion:
            raise invalid_field(where + name, "a version", version) from None


# --- Text --------------------------------------------------------------------------------------


def result_line(result: Result) -> str:
    """A line of the journal without its end: the text of `result_to_json`, but faster."""
    cell = dict(zip(_CELL, _facts(result)))
    cell["observations"] = plain(result.observations)
    try:
        return _text(cell)
    except UnicodeEncodeError:  # half a surrogate pair
        return _text(plain(cell))


def run_text(run: Run) -> Iterator[str]:
    """matrix.json in pieces: the text of `run_to_json`, but not all of 100,000 cells at once."""
    members = _with_cells(head_to_json(run), run.results, run.controls)
    return _pieces(members)


def dumps(data: Object) -> str:
    """JSON that people and `git diff` can read: one line for each cell and environment."""
    return "".join(_pieces(data))


def _pieces(data: Object) -> Iterator[str]:
    for start, (name, value) in zip(itertools.chain("{", itertools.repeat(",\n ")), data.items()):
        yield f"{start}{_text(name)}: "
        yield from _spread(value)
    yield "}\n"


def _spread(value: Any) -> Iterator[str]:
    """A non-empty list on several lines, anything else on one."""
    if not isinstance(value, (list, tuple)) or not value:
        yield _text(value)
        return
    for start, each in zip(itertools.chain(["[\n  "], itertools.repeat(",\n  ")), value):
        yield start + (result_line(each) if isinstance(each, Result) else _text(each))
    yield "]"


def _text(value: Any) -> str:
    """JSON on one line, with the spaces of `json.dumps`."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode("utf-8")


# --- Where files and records differ --------------------------------------------

_OUTCOME = {
    "outcome": "outcome.verdict",
    "reason": "outcome.reason",
    "signature": "outcome.signature",
}
_CELL: dict[str, str] = {}
"""Each field of a cell in order, and its place in a `Result`."""
for _field in attrs.fields(Result):
    _CELL.update(_OUTCOME if _field.name == "outcome" else {_field.name: _field.name})
_facts = attrgetter(*_CELL.values())

_SHARED = ("case", "environment", "expected", "mode_reason", "reason", "repro", "signature")
"""Fields whose texts many records share, so that one copy of each text is kept."""


@frozen(kw_only=True)
class _Judgement:
    """The fields of an outcome, as they appear in a cell."""

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
