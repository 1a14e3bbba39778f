"""Whether two observed values are the same, within a tolerance. Pure."""

from __future__ import annotations

import math
from typing import Union

from typing_extensions import TypeGuard

from runner.model import Json

TOLERANCE = 1e-4
"""Relative: numbers closer than this are taken for the same."""
NEAR_ZERO = 1e-9
"""Absolute: for numbers that are zero but for rounding."""


def differs(old: Json, new: Json, tolerance: float = TOLERANCE) -> bool:
    """Numbers beyond the tolerance, lists and objects item by item, all else by equality."""
    try:
        return _differs(old, new, tolerance)
    except RecursionError:
        return True


def _differs(old: Json, new: Json, tolerance: float) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() != new.keys() or any(_differs(old[k], new[k], tolerance) for k in old)
    if isinstance(old, list) and isinstance(new, list):
        pairs = zip(old, new)
        return len(old) != len(new) or any(_differs(one, two, tolerance) for one, two in pairs)
    if _number(old) and _number(new):
        return old != new and not _close(old, new, tolerance)
    return type(old) is not type(new) or old != new


def _close(old: float, new: float, tolerance: float) -> bool:
    try:
        return math.isclose(old, new, rel_tol=tolerance, abs_tol=NEAR_ZERO if tolerance else 0.0)
    except OverflowError:  # an integer that is no float
        return False


def _number(value: Json) -> TypeGuard[Union[int, float]]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
