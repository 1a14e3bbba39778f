"""What goes and what stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import clean
from runner.errors import UsageError


def item(name: str, *, size: int = 10, age: float = 0.0) -> clean.Item:
    return clean.Item(kind="image", name=name, size=size, last_used=1000 - age, remove=lambda: None)


def names(items: list[clean.Item]) -> list[str]:
    return [one.name for one in items]


def test_without_bounds_everything_goes() -> None:
    assert names(clean.chosen([item("a"), item("b", age=5)], now=1000)) == ["b", "a"]


def test_by_age() -> None:
    items = [item("old", age=100), item("new", age=10)]
    assert names(clean.chosen(items, now=1000, older_than=timedelta(seconds=50))) == ["old"]


def test_by_size_the_least_recently_used_goes_first() -> None:
    items = [item("a", age=1), item("b", age=3), item("c", age=2)]
    assert names(clean.chosen(items, now=1000, max_size=15)) == ["b", "c"]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100))), st.integers(0, 500))
def test_what_stays_fits_and_nothing_goes_needlessly(
    sizes: list[tuple[int, int]], max_size: int
) -> None:
    items = [item(str(n), size=size, age=age) for n, (size, age) in enumerate(sizes)]
    going = clean.chosen(items, now=1000, max_size=max_size)
    left = sum(one.size for one in items) - sum(one.size for one in going)
    assert left <= max_size
    assert not going or left + going[-1].size > max_size


@pytest.mark.parametrize(
    ("text", "size"), [("20GB", 20 * 10**9), ("500mb", 5 * 10**8), ("1.5G", 1.5e9), ("7", 7)]
)
def test_sizes(text: str, size: float) -> None:
    assert clean.size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1GB", "1e99", "1PB", "9" * 40])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        clean.size(text)


def test_ages() -> None:
    assert clean.age("30d") == timedelta(days=30)
    with pytest.raises(UsageError, match="no age"):
        clean.age("yesterday")


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (1400, "1 KB"), (2.5e8, "250 MB"), (1.44e9, "1.4 GB")]
)
def test_human_sizes(size: float, text: str) -> None:
    assert clean.human(size) == text
