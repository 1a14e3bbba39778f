"""How much is measured by default: as much as fits into 25 minutes on two cores."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Sizes:
    """How much of everything is measured."""

    sides: str = "1.15.5,2.4.4,2.9.3,2.16.2"
    """Releases for those who import TensorFlow for every case: they take most of the time."""
    all: str = ">=1.12"
    rounds: int = 3
    shipped: int = 6
    """Of the shipped reproduction's cases, side by side."""
    light: int = 6
    whole: int = 4
    """Of the shipped reproduction's cases, on all releases."""
    whole_rounds: int = 1
    cached: int = 5
    """Rounds; they are short."""
    cached_cases: int = 36
    releases: tuple[int, ...] = (1, 8)
    """Sizes of a growing matrix, besides all."""
    cases: tuple[int, ...] = (1, 10, 100)
    simulated: int = 100_000
    promised: bool = True
    """Whether what was promised can be told from so much work."""


QUICK = Sizes(
    sides="1.15.5,2.9.3",
    all="1.15.5,2.3.4,2.9.3,2.16.2",
    rounds=1,
    shipped=4,
    light=5,
    whole=3,
    cached=3,
    cached_cases=5,
    releases=(1,),
    cases=(1, 10),
    simulated=10_000,
    promised=False,
)
