"""The order of measurements, and which releases and cases stand for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def order(contestants: Sequence[T], number: int) -> list[T]:
    """Round `number`: everyone once, each round beginning with another, so that whatever drifts on
    the machine, and whatever one leaves behind in its caches, is not always somebody's own."""
    start = number % len(contestants)
    return [*contestants[start:], *contestants[:start]]


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of `items`, evenly apart, first and last among them; of one, the last."""
    if most >= len(items):
        return list(items)
    if most == 1:
        return [items[-1]]
    step = (len(items) - 1) / (most - 1)
    return [items[round(index * step)] for index in range(most)]


def sizes(most: int, wanted: Sequence[int]) -> list[int]:
    """The `wanted` sizes that there are, and the largest there is."""
    return sorted({size for size in wanted if size < most} | {most})
