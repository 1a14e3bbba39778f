"""Compares two observed values, within a tolerance. Pure."""

from __future__ import annotations

import math
from typing import Optional, Union

from typing_extensions import TypeGuard

from runner.model import Json

TOLERANCE = 1e-4
"""Relative: decimals closer than this count as the same. Integers are counts or names, so they are
compared exactly unless the user gives a tolerance."""
NEAR_ZERO = 1e-9
"""Absolute: for numbers that differ from zero only by rounding."""


def differs(old: Json, new: Json, tolerance: Optional[float] = None) -> bool:
    """Whether two values differ: numbers by the tolerance, lists and objects item by item, all
    other values by equality.

    Without a tolerance, integers must be equal, and decimals differ if beyond `TOLERANCE`.
    """
    try:
        return _differs(old, new, tolerance)
    except RecursionError:
        return True


def _differs(old: Json, new: Json, tolerance: Optional[float]) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() != new.keys() or any(_differs(old[k], new[k], tolerance) for k in old)
    if isinstance(old, list) and isinstance(new, list):
        pairs = zip(old, new)
        return len(old) != len(new) or any(_differs(one, two, tolerance) for one, two in pairs)
    if _number(old) and _number(new):
        return old != new and not _alike(old, new, tolerance)
    return type(old) is not type(new) or old != new


def _alike(old: float, new: float, tolerance: Optional[float]) -> bool:
    """Whether two unequal numbers count as the same."""
    if old != old or new != new:  # a NaN is the same as another NaN only
        return old != old and new != new
    if tolerance is None and isinstance(old, int) and isinstance(new, int):
        return False
    return _close(old, new, TOLERANCE if tolerance is None else tolerance)


def _close(old: float, new: float, tolerance: float) -> bool:
    try:
        return math.isclose(old, new, rel_tol=tolerance, abs_tol=NEAR_ZERO if tolerance else 0.0)
    except OverflowError:  # an integer too large for a float
        return False


def _number(value: Json) -> TypeGuard[Union[int, float]]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
