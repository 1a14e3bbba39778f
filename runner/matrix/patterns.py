"""The patterns of `fail_on`: a text, or `/regex/`."""

from __future__ import annotations

import re
from typing import Optional

from runner.errors import UsageError


def regular_expression(text: str) -> Optional[str]:
    """The text between the slashes; None for a plain text."""
    slashes = text.startswith("/") and text.endswith("/")
    return text[1:-1] if slashes and len(text) >= len("/x/") else None


def validate(text: str) -> None:
    """Raises `ValueError`; its message continues a sentence that begins with the pattern."""
    if not text.strip():
        raise ValueError("is nothing to look for; expected TEXT or /regex/")
    try:
        re.compile(regular_expression(text) or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None


def checked_pattern(text: str, option: str) -> str:
    """`text` unchanged. Raises `UsageError`, which names the `option`."""
    try:
        validate(text)
    except ValueError as error:
        raise UsageError(f'{option}: "{text[:200]}" {error}') from None
    return text
