"""The first value that differs between two JSON documents."""

from __future__ import annotations

from typing import Any, Optional

from runner import serial
from runner.grid.tolerance import differs, first_differing_part
from runner.runs.contents.record import Difference, UnreadableError

_DEEPEST = 20


def of_json(before: bytes, after: bytes, tolerance: Optional[float]) -> Optional[Difference]:
    one, other = _parsed(before), _parsed(after)
    if not differs(one, other, tolerance):
        return None
    place, old, new = first_differing_part("", one, other, tolerance, _DEEPEST)
    return Difference(place=place.lstrip("."), before=old, after=new)


def _parsed(content: bytes) -> Any:
    try:
        return serial.parse(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(str(error)) from None
