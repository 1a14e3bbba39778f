"""What `fail_on` looks for in an output: a text, or `/regex/`."""

from __future__ import annotations

import functools
import re

from runner.errors import UsageError


@functools.lru_cache(maxsize=64)
def compiled(text: str) -> re.Pattern[str]:
    """Raises `ValueError`: what is wrong, as the end of a sentence that begins with the text."""
    if not text.strip():
        raise ValueError("is nothing to look for; expected TEXT or /regex/")
    if len(text) < len("/x/") or not (text.startswith("/") and text.endswith("/")):
        return re.compile(re.escape(text))
    try:
        return re.compile(text[1:-1])
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from None


def checked(text: str, option: str) -> str:
    """`text` as it is. Raises `UsageError`, which names the option that it was given to."""
    try:
        compiled(text)
    except ValueError as error:
        raise UsageError(f'{option}: "{text[:200]}" {error}') from None
    return text
