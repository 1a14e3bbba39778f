"""Parses TOML on every Python; only Python 3.11 and newer has a parser of its own."""

from __future__ import annotations

import sys
from typing import Any

from runner.errors import UsageError


def parse_toml(text: str, what: str) -> dict[str, Any]:
    """The parsed text. Raises `UsageError` with a message that begins with `what`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{what} is not TOML: {' '.join(str(error).split())[:200]}") from None
