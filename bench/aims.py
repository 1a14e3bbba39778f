"""What was promised, and whether what was measured keeps it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from bench.records import Aim, Comparison
from bench.studies import DOCKER, DOCKER_RUN, FLOOR, LOCAL, SHELL


def of_whole(found: Comparison) -> Iterator[Aim]:
    """The whole warm matrix against the floor."""
    for name, limit in ((LOCAL, 1.15), (DOCKER, 1.3)):
        times = ratio(found, name, FLOOR)
        if times is not None:
            yield Aim(what=f"{found.title}: {name} / floor", limit=limit, measured=times, unit="×")


def of_sides(found: Comparison) -> Iterator[Aim]:
    """Against what users do today."""
    allowed, reached = ratio(found, SHELL, FLOOR), ratio(found, SHELL, LOCAL)
    if allowed and reached:
        yield Aim(
            what=f"{found.title}: {LOCAL} is {reached:.1f} × faster than the shell loop, where the"
            f" floor allows {allowed:.1f} ×: share reached",
            limit=90,
            measured=100 * reached / allowed,
            unit=" %",
            least=True,
        )
    faster = ratio(found, DOCKER_RUN, DOCKER)
    if faster:
        what = f"{found.title}: {DOCKER} is faster than docker run per case"
        yield Aim(what=what, limit=8, measured=faster, unit="×", least=True)


def of_cached(found: Comparison) -> Iterator[Aim]:
    for series in found.series:
        what = f"{found.title}: {series.contestant}"
        yield Aim(what=what, limit=1.0, measured=series.median, unit=" s")


def of_simulated(cells: int, figures: Mapping[str, float]) -> Iterator[Aim]:
    """Promised of 100,000 cells; of fewer, nothing is."""
    if cells >= 100_000:
        what = f"{cells:,} simulated cells"
        yield Aim(what=f"{what}: seconds", limit=20, measured=figures["all"], unit=" s")
        yield Aim(what=f"{what}: memory", limit=500, measured=figures["peak_mb"], unit=" MiB")


def of_cold(pip: float, ours: float, most_fetched: int) -> Sequence[Aim]:
    return (
        Aim(
            what="cold environments: faster than one pip install after another",
            limit=3,
            measured=pip / ours,
            unit="×",
            least=True,
        ),
        Aim(
            what="cold environments: downloads of the wheel downloaded most often",
            limit=1,
            measured=most_fetched,
        ),
    )


def ratio(found: Comparison, one: str, other: str) -> Optional[float]:
    """How many times the other's median `one` took; None where either was left out."""
    first, second = found.of(one), found.of(other)
    return first.median / second.median if first and second else None
