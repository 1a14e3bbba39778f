"""Finds the cause of a change in the message of the failure, if the message states it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Callable, Optional

from packaging.version import InvalidVersion, Version

from runner.grid import Column, Grid
from runner.report.text import shortened

MOST_NAME = 60

_LACKS = (
    re.compile(r"AttributeError: module '(?P<owner>[\w.]+)' has no attribute '(?P<name>\w+)'"),
    re.compile(
        r"AttributeError: (?:type object )?'(?P<owner>\w+)'(?: object)? "
        r"has no attribute '(?P<name>\w+)'"
    ),
    re.compile(r"ImportError: cannot import name '(?P<name>\w+)' from '(?P<owner>[\w.]+)'"),
)
_GONE = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'")

_PACKAGES = (
    (re.compile(r"(tensorflow\.|tf\.)?(python\.|_api\.v\d\.)?keras\b"), "keras", "Keras"),
    (re.compile(r"(numpy|np)\b"), "numpy", "NumPy"),
    (re.compile(r"(tensorflow|tf)\b"), "tensorflow", "TensorFlow"),
)
"""Module → its package, and the package's name in a sentence."""


def cause_clause(
    grid: Grid, signature: str, before: Column, after: Column, quote: Callable[[str], str]
) -> Optional[str]:
    """A cause such as `Keras 3 has no `set_learning_phase``; None if the message states none.

    The package is named with its major version if that version changed.
    """
    gone = _GONE.match(signature)
    if gone:
        return f"there is no {quote(shortened(gone['name'], MOST_NAME))}"
    found = next(filter(None, (pattern.match(signature) for pattern in _LACKS)), None)
    if found is None:
        return None
    owner = _package(grid, found["owner"], before, after)
    return f"{owner or quote(shortened(found['owner'], MOST_NAME))} has no {quote(found['name'])}"


def _package(grid: Grid, module: str, before: Column, after: Column) -> Optional[str]:
    """The package with its version, `Keras 3`, if its major version changed; else None."""
    for pattern, package, name in _PACKAGES:
        if pattern.match(module):
            old, new = (_major(_versions(grid, column).get(package)) for column in (before, after))
            return f"{name} {new}" if old is not None and new is not None and old != new else None
    return None


def _versions(grid: Grid, column: Column) -> Mapping[str, str]:
    """Package → version in the column's first environment."""
    known = {environment.id: environment for environment in grid.run.environments}
    packages = next((known[e].packages for e in column.environments if e in known), ())
    pins = (pin.split("==", 1) for pin in packages if "==" in pin)
    return {**{pin[0]: pin[1] for pin in pins}, "tensorflow": column.tensorflow}


def _major(version: Optional[str]) -> Optional[int]:
    try:
        return Version(version).major if version else None
    except InvalidVersion:
        return None
