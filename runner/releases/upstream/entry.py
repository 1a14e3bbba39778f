"""Writes a catalogue entry as text, in the form of the others. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = ("cpu", "package")
"""Fields whose values have no quotes in the catalogue."""


def release_line(version: str, fields: Mapping[str, Any]) -> str:
    """`    2.21.0: {released: 2026-03-06, cpu_mb: 274, cuda_mb: 573}`, below `releases:`."""
    return f"    {version}: {_flow(fields)}\n"


def series_head(series: str, shared: Mapping[str, Any]) -> str:
    """The text of a series, up to its `releases:`."""
    fields = [text for name, value in shared.items() for text in _block(name, value)]
    return "\n".join([f'"{series}":', *fields, "  releases:", ""])


def _block(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and name == "cuda":
        yield f"  {name}:"
        yield from (f"    {key}: {_value(key, each)}" for key, each in value.items())
    elif name == "quirks":
        yield f"  {name}:"
        for quirk in value:
            yield f"    - what: {_scalar(quirk['what'])}"
            yield f"      remedy: {_scalar(quirk['remedy'])}"
    else:
        yield f"  {name}: {_value(name, value)}"


def _value(name: str, value: Any) -> str:
    bare = value == "inside" or name in _BARE
    return f"{value}" if bare else _scalar(value)


def _flow(fields: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in fields.items()) + "}"


def _scalar(value: Any) -> str:
    """A value in the form that YAML and JSON share; dates have no quotes."""
    if isinstance(value, Mapping):
        return _flow(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_scalar(each) for each in value) + "]"
    if value is None or isinstance(value, (str, bool, int, float)):
        return json.dumps(value, ensure_ascii=False)
    return f"{value}"
