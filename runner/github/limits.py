"""Reads from GitHub's answers how long to wait before the next request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

MOST_WAIT = 300.0
"""The longest time that one command waits in total, in seconds."""
SECONDARY_WAIT = 60.0
"""The wait that GitHub's manual asks for if a secondary limit names no time."""


def seconds_to_wait(
    status: int, headers: Mapping[str, str], message: str, now: float
) -> Optional[float]:
    """Seconds to wait before asking again; None if a rate limit is not the cause.

    `headers` by lower-case name; `now` is the time since the epoch.
    """
    if status not in (403, 429):
        return None
    if "retry-after" in headers:
        return _number(headers["retry-after"], SECONDARY_WAIT)
    if headers.get("x-ratelimit-remaining") == "0" and "x-ratelimit-reset" in headers:
        until = _number(headers["x-ratelimit-reset"], now + SECONDARY_WAIT)
        return max(0.0, until - now) + 1
    return SECONDARY_WAIT if status == 429 or "rate limit" in message.lower() else None


def _number(text: str, otherwise: float) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 15 else otherwise
