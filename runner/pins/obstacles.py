"""Finds the cells that keep a release from being pinned: not measured, or not passed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from attrs import frozen

from runner.grid import Column, Grid, Row
from runner.model import Result, Verdict


@frozen(kw_only=True)
class Obstacle:
    """A cell that does not support a pin. `verdict` is None if there is no result."""

    row: Row
    tensorflow: str
    device: str
    python: str
    verdict: Optional[Verdict]
    why: str = ""
    """The signature, or the reason if there is no signature."""
    inferred: bool = False
    votes: str = ""
    """`3/5` if that many attempts passed and the others did not."""
    value: str = ""
    """The release of the package that the columns vary; empty if they vary TensorFlow."""

    @property
    def release(self) -> str:
        return self.value or self.tensorflow

    @property
    def measured(self) -> bool:
        """Whether it is evidence against the release, not just missing evidence for it."""
        return self.verdict is not None and self.verdict.judged and not self.inferred

    @property
    def cause(self) -> str:
        """The cause in words, equal for equal causes: `fail: ValueError: …`, `not measured`."""
        if self.inferred:
            return f"{self.verdict}, inferred and not measured"
        said = "not measured" if self.verdict is None else str(self.verdict)
        if self.votes:
            said = "flaky, {} in {} of {} attempts".format(said, *self.votes.split("/"))
        return f"{said}: {self.why}" if self.why and self.why != said else said


def obstacles_by_cause(obstacles: Iterable[Obstacle]) -> dict[tuple[str, str], list[Obstacle]]:
    """(release, cause) → its obstacles, so that each cause is reported once."""
    groups: dict[tuple[str, str], list[Obstacle]] = defaultdict(list)
    for obstacle in obstacles:
        groups[obstacle.release, obstacle.cause].append(obstacle)
    return groups


def find_obstacles(
    grid: Grid,
    rows: Sequence[Row],
    columns: Sequence[Column],
    devices: Sequence[str],
    flaky: bool,
) -> Iterator[Obstacle]:
    for row in rows:
        for column in columns:
            cell = grid.cell(row, column)
            if cell is None or not _supports(cell, flaky):
                yield _obstacle(row, column, cell)
        for device in sorted(set(devices) - {column.device for column in columns}):
            yield Obstacle(
                row=row,
                tensorflow=columns[0].tensorflow,
                value=columns[0].value,
                device=device,
                python="",
                verdict=None,
            )


def _supports(cell: Result, flaky: bool) -> bool:
    """Whether the cell supports a pin: it was measured and passed. `flaky`: most attempts
    suffice."""
    passed = cell.outcome.verdict is Verdict.PASS and not cell.inferred
    return passed and (flaky or not cell.votes)


def _obstacle(row: Row, column: Column, cell: Optional[Result]) -> Obstacle:
    return Obstacle(
        row=row,
        tensorflow=column.tensorflow,
        value=column.value,
        device=column.device,
        python=column.python,
        verdict=None if cell is None else cell.outcome.verdict,
        why="" if cell is None else cell.outcome.signature or cell.outcome.reason,
        inferred=cell is not None and bool(cell.inferred),
        votes="" if cell is None else cell.votes,
    )
