"""The first value that differs between two JSON documents."""

from __future__ import annotations

import json
from typing import Any, Optional

from runner import serial
from runner.grid.tolerance import differs
from runner.model import Json
from runner.runs.contents.record import Difference, UnreadableError

_DEEPEST = 20


def of_json(before: bytes, after: bytes, tolerance: Optional[float]) -> Optional[Difference]:
    old, new = _parsed(before), _parsed(after)
    if not differs(old, new, tolerance):
        return None
    place = ""
    for _ in range(_DEEPEST):
        step = _step(old, new, tolerance)
        if step is None:
            break
        place, old, new = f"{place}{step[0]}", *step[1:]
    return _difference(place.lstrip("."), old, new)


def _step(old: Json, new: Json, tolerance: Optional[float]) -> Optional[tuple[str, Json, Json]]:
    """The first part that differs; None for two values that do not have the same parts."""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        at = next(n for n, pair in enumerate(zip(old, new)) if differs(*pair, tolerance))
        return f"[{at}]", old[at], new[at]
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        key = next(key for key in old if differs(old[key], new[key], tolerance))
        return f".{key}", old[key], new[key]
    return None


def _difference(place: str, old: Json, new: Json) -> Difference:
    """Of objects, the keys that only one of them has; of lists, their lengths."""
    of = f" of {place}" if place else ""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() != new.keys():
        one, other = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
        return Difference(place=f"keys{of}", before=[*one], after=[*other])
    if isinstance(old, list) and isinstance(new, list) and len(old) != len(new):
        return Difference(place=f"length{of}", before=len(old), after=len(new))
    return Difference(place=place, before=old, after=new)


def _parsed(content: bytes) -> Any:
    """Python writes NaN and Infinity, which JSON does not know."""
    try:
        return serial.parse(content)
    except (ValueError, RecursionError) as error:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise UnreadableError(str(error)) from None
