"""pydantic's errors → problems with positions, in words."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Union

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runner.errors import nearest
from runner.matrix.problems import KeyPath, Problem, one_of, quoted
from runner.matrix.schema import json_schema
from runner.matrix.yaml_positions import Document

MOST_EXPLAINED = 200
"""At most this many errors are explained: finding the nearest word is slow."""

_EXPECTED = {
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping (`key: value`)",
    "model_type": "a mapping (`key: value`)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "greater_than": "a number above {gt:g}",
    "less_than_equal": "at most {le:,.0f}",
}


def explained_problems(error: ValidationError, document: Document) -> list[Problem]:
    """One problem per error, except at places where a YAML trap was already reported."""
    named = {problem.path for problem in document.problems}
    details = error.errors(include_url=False)[:MOST_EXPLAINED]
    meant = {_meant(each["loc"]) for each in details if each["type"] == "extra_forbidden"}
    found = (_problem(each, document) for each in details if each["loc"] not in meant)
    return [problem for problem in found if problem.path not in named]


def _meant(loc: KeyPath) -> KeyPath:
    """The place of the cause: a misspelled key also makes the right key missing."""
    return (*loc[:-1], nearest(str(loc[-1]), _keys(loc[:-1])) or "")


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path, about_key = _path(details["loc"], document)
    kind = details["type"]
    if kind == "missing":
        parent = path[:-1]
        mark = document.value_at(parent)
        return Problem(mark, path, f"is missing ({_description(path)})")
    if kind == "extra_forbidden":
        return Problem(document.key_at(path), path, _unknown_key(path))
    mark = document.key_at(path) if about_key else document.value_at(path)
    return Problem(mark, path, _message(details, path, document))


def _path(loc: tuple[Union[str, int], ...], document: Document) -> tuple[KeyPath, bool]:
    """The key path, and whether the key itself is wrong.

    A single text that is checked as a list of one has an index in `loc` that the file does not
    have.
    """
    about_key = bool(loc) and loc[-1] == "[key]"
    path = loc[:-1] if about_key else loc
    if path and path[-1] == 0 and path not in document.values:
        path = path[:-1]
    return path, about_key


def _message(details: ErrorDetails, path: KeyPath, document: Document) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "value_error":
        return _sentence(value, str(context["error"]))
    if kind in ("enum", "literal_error"):
        return _not_one_of(value, path, document)
    if kind == "too_short":
        return "the list is empty; give at least one, or leave the key out"
    if kind == "too_long":
        return f"{context['actual_length']} are too many; at most {context['max_length']} are read"
    expected = _EXPECTED.get(kind)
    if expected is None:
        return details["msg"]
    number = isinstance(value, (int, float))
    if kind == "string_type" and number:
        return _number_for_text(path, document)
    return f"expected {expected.format(**context)}, found {_found(value)}"


def _sentence(value: Any, wrong: str) -> str:
    if wrong.startswith(("'", '"')):
        return wrong
    whole = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return f"{quoted(', '.join(value) if whole else str(value))} {wrong}"


def _number_for_text(path: KeyPath, document: Document) -> str:
    source = document.sources.get(path, "")
    value = float(source) if "." in source else int(source)
    lost = f"reads as the number {value}" if str(value) != source else "is a number"
    key = f"{path[-1]}: " if isinstance(path[-1], str) else ""
    return f'expected a text, but {source} {lost}; quote it: {key}"{source}"'


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return str(value)


_SYNONYMS = {"gpu": "cuda", "ok": "pass", "segfault": "crash"}


def _not_one_of(value: Any, path: KeyPath, document: Document) -> str:
    known = [str(word) for each in _schemas_at(path) for word in each.get("enum", [])]
    text = value if isinstance(value, str) else document.sources.get(path, "")
    if not known:
        return f"this tfmatrix reads schema 1, not {quoted(text)}"
    found = _SYNONYMS.get(text.casefold()) or nearest(text, known)
    hint = f'; did you mean "{found}"?' if found else ""
    return f"expected one of {', '.join(known)}, found {_found(value)}{hint}"


def _unknown_key(path: KeyPath) -> str:
    key = str(path[-1])
    here = _keys(path[:-1])
    if nearest(key, here) is None:
        for place, section in _PLACES.items():
            if key in _schema()["$defs"][section]["properties"]:
                return f"unknown key; it belongs under {place}"
    return f"unknown key; {one_of(key, here)}"


@functools.lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return json_schema()


def _keys(path: KeyPath) -> list[str]:
    return [name for each in _schemas_at(path) for name in each.get("properties", {})]


_PLACES = {
    "limits:": "LimitsSection",
    "repros:": "ReproSection",
    "cases: of a repro": "CaseSection",
    "a value of axes:": "ValueSection",
    "exclude: of a repro": "ExcludeSection",
    "expect: of a repro": "ExpectSection",
}


def _description(path: KeyPath) -> str:
    for each in _schemas_at(path[:-1]):
        for name, section in each.get("properties", {}).items():
            if name == path[-1]:
                return str(section.get("description", ""))
    return ""


def _schemas_at(path: KeyPath) -> list[dict[str, Any]]:
    """The parts of the JSON Schema for the value at `path`, one for each alternative."""
    whole = _schema()
    current = [whole]
    for key in path:
        inner: list[Any] = []
        for each in current:
            if isinstance(key, int):
                inner.append(each.get("items"))
            elif key in each.get("properties", {}):
                inner.append(each["properties"][key])
            else:
                inner.append(each.get("additionalProperties"))
        current = [part for each in inner if each for part in _alternatives(each, whole)]
    return current


def _alternatives(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        yield from _alternatives(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    for each in schema.get("anyOf", []):
        yield from _alternatives(each, whole)
    yield schema
