"""Removing what this tool made: what there is, and which of it goes. Deciding is pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Optional

from attrs import frozen

from runner.errors import UsageError


@frozen(kw_only=True)
class Item:
    """Something that this tool made and can remove."""

    kind: str
    """`environment`, `image`, `container`, `volume`, `run`, `cache`."""
    name: str
    size: int
    """Bytes that removing it frees, as well as can be told."""
    last_used: float
    """Seconds since the epoch."""
    remove: Callable[[], None]
    of: str = ""
    """The environment that it belongs to, as in `2.9.3-py3.10-cpu`; empty where to none."""


def chosen(
    items: Iterable[Item],
    *,
    now: float,
    older_than: Optional[timedelta] = None,
    max_size: Optional[int] = None,
    in_use: Callable[[Item], bool] = lambda _: False,
) -> list[Item]:
    """What goes, least recently used first: all that is too old, then as much as is too much.

    With neither bound, everything goes. `max_size` is what may stay, in bytes; what is in use
    stays, and counts.
    """
    by_age = sorted(items, key=lambda item: item.last_used)
    free = [item for item in by_age if not in_use(item)]
    if older_than is None and max_size is None:
        return free
    limit = now - (older_than or timedelta.max).total_seconds()
    going = [item for item in free if item.last_used < limit]
    if max_size is None:
        return going
    too_much = sum(item.size for item in by_age) - sum(item.size for item in going) - max_size
    return going + _excess([item for item in free if item.last_used >= limit], too_much)


def _excess(staying: Sequence[Item], too_much: int) -> list[Item]:
    going = []
    for item in staying:
        if too_much <= 0:
            break
        if item.size > 0:
            going.append(item)
            too_much -= item.size
    return going


_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def age(text: str) -> timedelta:
    """`12h`, `30d`, `8w`. Raises `UsageError`."""
    match = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if match is None:
        raise UsageError(f"{text!r} is no age; write 12h, 30d or 8w")
    return int(match[1]) * _UNITS[match[2]]


def since(seconds: float) -> str:
    """How long ago, in the unit that reads best: `5 min`, `7 h`, `12 d`."""
    minutes = max(seconds, 0) / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d"


_SIZES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def size(text: str) -> int:
    """`500MB`, `20GB`, `20g` → bytes. Raises `UsageError`."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s?([KMGT]?)B?", text.upper())
    if match is None:
        raise UsageError(f"{text!r} is no size; write 500MB or 20GB")
    return int(float(match[1]) * _SIZES[match[2]])


def human(size: float) -> str:
    """Bytes in the unit that reads best: `1.4 GB`."""
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
