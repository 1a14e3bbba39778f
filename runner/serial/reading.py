"""Parsed JSON → a record. A missing field or a wrong type is a ValueError."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from runner.model import Device, Verdict
from runner.serial.plain import plain

R = TypeVar("R")


def from_json(kind: type[R], data: object) -> R:
    """A record of `kind`. Raises ValueError with the path of a wrong field: `cases[2].args:
    expected …`.

    Unknown fields are ignored, so that an older tfmatrix can read the files of a newer one. A field
    with a default may be missing.
    """
    try:
        return msgspec.convert(data, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ValueError(_sentence(str(error), data)) from None


def invalid_field(name: str, expected: str, found: object) -> ValueError:
    shown = repr(plain(found)) if isinstance(found, int) else repr(found)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return ValueError(f"{name or 'the record'}: expected {expected}, found {shown}")


def _path(kind: type[Any], value: Any) -> Any:
    """A path. No other type in the records is unknown to msgspec."""
    assert kind is Path, kind
    return Path(value)


_CHOICES: dict[str, type[Enum]] = {"outcome": Verdict, "verdict": Verdict, "device": Device}
_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def _sentence(message: str, data: Any) -> str:
    """msgspec's "Expected `int | null`, got `str` - at `$.exit_code`" as our own message."""
    what, _, where = message.partition(" - at ")
    name = where.partition("$.")[2].rstrip("`")
    missing = re.match(r"Object missing required field `(\w+)`", what)
    if missing:
        return f"{name}.{missing[1]} is missing".lstrip(".")
    found = data
    for key, index in re.findall(r"(\w+)|\[(\d+)\]", name):
        found = found[key] if key else found[int(index)]
    kinds = re.match(r"Expected `([\w |]+)`", what)
    if kinds:
        words = [_WORDS[kind] for kind in kinds[1].split(" | ") if kind in _WORDS]
        return str(invalid_field(name, " or ".join(words), found))
    for ending, choices in _CHOICES.items():
        if what.startswith("Invalid enum value") and name.endswith(ending):
            return str(
                invalid_field(name, f"one of {', '.join(each.value for each in choices)}", found)
            )
    return f"{name}: {what}".lstrip(": ")
