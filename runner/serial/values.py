"""Single values ↔ JSON. Readers raise ValueError with the field's name and what was expected."""

from __future__ import annotations

import contextlib
import enum
import functools
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Callable, TypeVar

from packaging.version import InvalidVersion, Version

from runner.model import Json

Reader = Callable[[Any, str], Any]
"""(value, the name of its field) → the record's value."""

DEEPEST = 50
"""Levels of an observation that are kept: Python's own json stops at about a thousand."""

E = TypeVar("E", bound=enum.Enum)


def plain(value: Any, depth: int = 0) -> Json:
    """`value` as JSON that every reader takes: finite, of bounded depth, encodable as UTF-8."""
    kind = type(value)
    if kind is str:
        return _encodable(value)
    if kind is float:
        return value if math.isfinite(value) else _name_of(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if isinstance(value, enum.Enum):
        return plain(value.value, depth)
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else _long(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_of(value)
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
    """Whether these are floats without exception, and all finite: what most observations hold.
    Told without looking at each: a sum with NaN or an infinity in it is none that is finite."""
    return set(map(type, values)) == {float} and math.isfinite(sum(values))


def _encodable(text: str) -> str:
    """Half a surrogate pair, as in file names that are no UTF-8, cannot be written to a file."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _name_of(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _long(value: int) -> str:
    """Newer Pythons refuse to read or print more than 4300 digits."""
    bits = value.bit_length()
    return str(value) if bits <= 8192 else f"an integer of {bits} bits"


def text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    raise _wrong(value, name, "a text")


def word(value: Any, name: str) -> str:
    """A text that many records share: one copy is kept of it."""
    return sys.intern(value) if type(value) is str else text(value, name)


def version(value: Any, name: str) -> str:
    """What reports sort by, and so must be able to read."""
    if isinstance(value, str) and _is_version(value):
        return value
    raise _wrong(value, name, "a version")


@functools.lru_cache(maxsize=1024)
def _is_version(value: str) -> bool:
    try:
        Version(value)
    except InvalidVersion:
        return False
    return True


def flag(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(value, name, "true or false")


def whole(value: Any, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 64:
        return value
    raise _wrong(value, name, "a whole number")


def number(value: Any, name: str) -> float:
    """A finite one: what was measured always is, and reports round it."""
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
    raise _wrong(value, name, "a number")


def texts(value: Any, name: str) -> tuple[str, ...]:
    return tuple(items(text)(value, name))


def mapping(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, dict) and set(map(type, value)) <= _TEXT:
        return value
    raise _wrong(value, name or "the record", "an object")


def optional(reader: Reader) -> Reader:
    def read(value: Any, name: str) -> Any:
        return None if value is None else reader(value, name)

    _AS_IT_IS[read] = as_it_is(reader) | {type(None)}
    return read


def as_it_is(reader: Reader) -> frozenset[type]:
    """The types whose values `reader` returns as they are; it need not be called for these."""
    return _AS_IT_IS.get(reader, frozenset())


def items(reader: Reader) -> Reader:
    def read(value: Any, name: str) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise _wrong(value, name, "a list")
        return tuple(reader(item, f"{name}[{i}]") for i, item in enumerate(value))

    return read


def each(reader: Reader) -> Reader:
    """A mapping whose values `reader` reads."""

    def read(value: Any, name: str) -> dict[str, Any]:
        return {key: reader(item, f"{name}.{key}") for key, item in mapping(value, name).items()}

    return read


def choice(kind: type[E]) -> Reader:
    known = {member.value: member for member in kind}

    def read(value: Any, name: str) -> E:
        if isinstance(value, str) and value in known:
            return known[value]
        raise _wrong(value, name, f"one of {', '.join(known)}")

    return read


def _wrong(value: Any, name: str, expected: str) -> ValueError:
    shown = repr(plain(value)) if isinstance(value, int) else repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return ValueError(f"{name}: expected {expected}, found {shown}")


_TEXT = frozenset({str})
_AS_IT_IS: dict[Reader, frozenset[type]] = {text: _TEXT, flag: frozenset({bool})}
