"""Any value → plain JSON that every reader accepts."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from runner.model import Json

DEEPEST = 33
"""Deeper lists and objects are cut: a cell's observations, and the 32 levels that the agent allows
in one of them. Python's own json fails at about a thousand."""
_LONGEST = 8192
"""Larger integers, in bits, are not written out: newer Pythons refuse to print over 4300 digits."""


def plain(value: Any, depth: int = 0) -> Json:
    """`value` as JSON: finite, of bounded depth, encodable as UTF-8; a record as an object."""
    kind = type(value)
    if kind is str:
        return _encodable(value)
    if kind is float:
        return value if math.isfinite(value) else _name(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return value if value.bit_length() <= 64 else _long(value)
    if isinstance(value, enum.Enum):
        return plain(value.value, depth)
    if hasattr(kind, "__attrs_attrs__"):  # a record; records are not nested without end
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, (dict, Mapping)):
        return {_encodable(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if _finite(value):
            return list(value)
        return [plain(item, depth + 1) for item in value]
    return _encodable(str(value))


def _finite(values: Sequence[Any]) -> bool:
    """Whether all are finite floats, as in most observations.

    A sum with NaN or an infinity in it is not finite, and one sum is faster than many tests.
    """
    return set(map(type, values)) == {float} and math.isfinite(sum(values))


def _encodable(text: str) -> str:
    """The text without half surrogate pairs (as in file names that
    are not UTF-8), which no file can hold."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _long(value: int) -> str:
    bits = value.bit_length()
    return str(value) if bits <= _LONGEST else f"an integer of {bits} bits"
