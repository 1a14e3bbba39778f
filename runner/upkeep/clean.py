"""Decides which of the things that this tool made are removed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Optional

from runner.machine.items import Removable


def items_to_remove(
    items: Iterable[Removable],
    *,
    now: float,
    older_than: Optional[timedelta] = None,
    max_size: Optional[int] = None,
    in_use: Callable[[Removable], bool] = lambda _: False,
) -> list[Removable]:
    """The things to remove, least recently used first.

    Everything older than `older_than` goes, then enough to meet `max_size`, the bytes that may
    stay. Without limits everything goes. Whatever is in use stays, and counts towards the size.
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


def _excess(staying: Sequence[Removable], too_much: int) -> list[Removable]:
    going = []
    for item in staying:
        if too_much <= 0:
            break
        if item.size > 0:
            going.append(item)
            too_much -= item.size
    return going
