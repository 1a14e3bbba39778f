"""The releases that qualify, and the requirement that admits them."""

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
    """The answer. `standings` are the releases of the run, oldest first."""

    required: tuple[Row, ...]
    standings: tuple[Standing, ...]
    requirement: Optional[PinRequirement]
    strict: bool = False
    package: str = TENSORFLOW
    """Whose releases these are."""

    @property
    def measured(self) -> dict[Version, bool]:
        """Each release that was measured → whether it qualifies."""
        return {one.version: one.qualifies for one in self.standings if one.measured}

    @property
    def qualifying(self) -> tuple[Standing, ...]:
        return tuple(standing for standing in self.standings if standing.qualifies)

    @property
    def newest(self) -> Optional[Standing]:
        return self.qualifying[-1] if self.qualifying else None

    @property
    def closest(self) -> Standing:
        """With the fewest obstacles; of equals the newest."""
        return min(reversed(self.standings), key=lambda standing: len(standing.obstacles))

    @property
    def blocking(self) -> tuple[Obstacle, ...]:
        """Per case and place the first obstacle beyond the newest that qualifies, oldest first."""
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
    """`known` are all releases of TensorFlow that there are; along another package none are known
    but those of the run. Raises `UsageError` for what the run has not.

    `flaky`: a cell that passed in most of its attempts, but not in all, counts as passed.
    """
    rows = required_rows(grid, require)
    columns = columns_asked(grid, devices, pythons)
    standings = find_standings(grid, rows, columns, devices or list(grid.lanes), flaky)
    package = grid.run.info.along or TENSORFLOW
    pin = Pin(required=rows, standings=standings, requirement=None, strict=strict, package=package)
    found = requirement.narrowest(pin.measured, map(Version, known), strict=strict, package=package)
    return evolve(pin, requirement=found)
