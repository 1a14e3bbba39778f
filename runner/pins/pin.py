"""Finds the releases that qualify, and the requirement that admits them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from attrs import evolve, frozen
from packaging.version import Version

from runner.grid import Grid, Row
from runner.pins import requirement
from runner.pins.obstacles import Obstacle
from runner.pins.required import required_rows
from runner.pins.requirement import TENSORFLOW, PinRequirement
from runner.pins.standings import Standing, columns_asked, find_standings


@frozen(kw_only=True)
class Pin:
    """The answer. `standings` are the run's releases, oldest first."""

    required: tuple[Row, ...]
    standings: tuple[Standing, ...]
    requirement: Optional[PinRequirement]
    strict: bool = False
    package: str = TENSORFLOW
    """The package whose releases these are."""

    @property
    def measured(self) -> dict[Version, bool]:
        """Measured release → whether it qualifies."""
        return {one.version: one.qualifies for one in self.standings if one.measured}

    @property
    def qualifying(self) -> tuple[Standing, ...]:
        return tuple(standing for standing in self.standings if standing.qualifies)

    @property
    def newest(self) -> Optional[Standing]:
        return self.qualifying[-1] if self.qualifying else None

    @property
    def closest(self) -> Standing:
        """The release with the fewest obstacles; the newest one if several are equal."""
        return min(reversed(self.standings), key=lambda standing: len(standing.obstacles))

    @property
    def blocking(self) -> tuple[Obstacle, ...]:
        """For each case and place, the first obstacle after the newest qualifying release; oldest
        first."""
        newer = [s for s in self.standings if self.newest and s.version > self.newest.version]
        first: dict[tuple[Row, str], Obstacle] = {}
        for standing in newer:
            for obstacle in standing.obstacles:
                first.setdefault((obstacle.row, obstacle.device), obstacle)
        return tuple(sorted(first.values(), key=lambda o: (Version(o.release), o.row.index)))


def find_pin(
    grid: Grid,
    known: Iterable[str],
    *,
    require: Sequence[str] = (),
    devices: Sequence[str] = (),
    pythons: Sequence[str] = (),
    strict: bool = False,
    flaky: bool = False,
) -> Pin:
    """The releases that qualify, and their requirement. Raises `UsageError` for what the run lacks.

    `known` are all releases of TensorFlow; for another package only those of the run are known.
    `flaky`: a cell counts as passed if most of its attempts passed.
    """
    rows = required_rows(grid, require)
    columns = columns_asked(grid, devices, pythons)
    standings = find_standings(grid, rows, columns, devices or list(grid.lanes), flaky)
    package = grid.run.info.along or TENSORFLOW
    pin = Pin(required=rows, standings=standings, requirement=None, strict=strict, package=package)
    found = requirement.narrowest_requirement(
        pin.measured, map(Version, known), strict=strict, package=package
    )
    return evolve(pin, requirement=found)
