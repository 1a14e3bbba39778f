"""The state of each release of a run: whether it was measured, and its obstacles to a pin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from attrs import frozen
from packaging.version import Version

from runner.errors import UsageError
from runner.grid import Column, Grid, Row
from runner.pins.obstacles import Obstacle, find_obstacles


@frozen(kw_only=True)
class Standing:
    """One release of the run, on the required devices and Pythons."""

    columns: tuple[Column, ...]
    obstacles: tuple[Obstacle, ...]
    measured: bool = True
    """Whether any required cell was measured there; inferred and skipped cells do not count."""

    @property
    def release(self) -> str:
        return self.columns[0].version

    @property
    def version(self) -> Version:
        return Version(self.release)

    @property
    def qualifies(self) -> bool:
        return not self.obstacles


def columns_asked(grid: Grid, devices: Sequence[str], pythons: Sequence[str]) -> list[Column]:
    for what, asked, there in (
        ("device", devices, sorted({column.device for column in grid.columns})),
        ("Python", pythons, sorted({column.python for column in grid.columns})),
    ):
        unknown = [each for each in asked if each not in there]
        if unknown:
            raise UsageError(
                f"the run has no {what} {', '.join(unknown)}; it has: {', '.join(there) or 'none'}"
            )
    columns = [
        column
        for column in grid.columns
        if column.device in (devices or [column.device])
        and column.python in (pythons or [column.python])
    ]
    if not columns:
        raise UsageError("the run has no release to choose from")
    finals = [column for column in columns if not Version(column.version).is_prerelease]
    return finals or columns  # nobody pins a nightly if a release is there


def find_standings(
    grid: Grid,
    rows: Sequence[Row],
    columns: Iterable[Column],
    devices: Sequence[str],
    flaky: bool,
) -> tuple[Standing, ...]:
    releases: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        releases[column.version].append(column)
    return tuple(
        Standing(
            columns=tuple(there),
            obstacles=tuple(find_obstacles(grid, rows, there, devices, flaky)),
            measured=_measured(grid, rows, there),
        )
        for there in releases.values()
    )


def _measured(grid: Grid, rows: Sequence[Row], columns: Sequence[Column]) -> bool:
    cells = (grid.cell(row, column) for row in rows for column in columns)
    return any(cell is not None and not cell.inferred for cell in cells)
