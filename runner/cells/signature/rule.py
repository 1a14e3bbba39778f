"""A way in which two messages of one failure may differ."""

from __future__ import annotations

import re
from typing import Callable, Union

from attrs import frozen

Replacement = Union[str, Callable[["re.Match[str]"], str]]


@frozen
class Substitution:
    """A pattern whose matches are replaced, and why."""

    name: str
    pattern: re.Pattern[str]
    replacement: Replacement
    why: str
