"""Folds a grid: equal neighbouring releases become one column, equal cases become one row.

A variant that exists only on some releases has its own columns, beside those without a variant.
Folding loses nothing: joined cells show the same in every respect, and `cells` returns all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Optional

from attrs import field, frozen

from runner.grid.names import globs
from runner.grid.records import IMPOSSIBLE, Column, Mark, Row, release_range

if TYPE_CHECKING:
    from runner.grid.arrange import Grid


@frozen(kw_only=True)
class FoldedColumn:
    """One column before folding: a release, without a variant or in one."""

    column: Column
    variant: str = ""


@frozen(kw_only=True)
class FoldedCase:
    """One row before folding: a case, with its variants that have columns."""

    name: str
    rows: Mapping[str, Row] = field(factory=dict)
    """Variant → row of the grid; "" is the case without a variant."""


@frozen(kw_only=True, slots=False)
class FoldedTable:
    """The cells of one repro on one device: a mark for each group of lines and group of places."""

    repro: str
    device: str
    lines: tuple[tuple[FoldedCase, ...], ...]
    places: tuple[tuple[FoldedColumn, ...], ...]
    marks: tuple[tuple[Mark, ...], ...]

    @cached_property
    def folds(self) -> bool:
        """Whether any group holds more than one line or place."""
        return any(len(group) > 1 for group in (*self.lines, *self.places))

    @cached_property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """For each group of lines, globs that match its lines and no other."""
        every = [line.name for group in self.lines for line in group]
        return tuple(globs([line.name for line in group], every) for group in self.lines)

    def cells(self) -> Iterator[tuple[Row, Column, Mark]]:
        """Every cell, with the mark that the table shows for it."""
        for group, marks in zip(self.lines, self.marks):
            for places, mark in zip(self.places, marks):
                yield from ((*cell, mark) for cell in members(group, places))


def members(
    lines: Iterable[FoldedCase], places: Sequence[FoldedColumn]
) -> Iterator[tuple[Row, Column]]:
    """The cells of the grid that one cell of a table stands for; some may be impossible."""
    for line in lines:
        for place in places:
            row = line.rows.get(place.variant)
            if row is not None:
                yield row, place.column


def label(places: Sequence[FoldedColumn]) -> str:
    """`1.14–2.15`, `2.16–2.21 keras=legacy`."""
    return f"{release_range([place.column for place in places])} {places[0].variant}".rstrip()


def tables(grid: Grid, *, folded: bool = True) -> tuple[FoldedTable, ...]:
    """A table for each repro on each device. `Grid.folded` and `Grid.unfolded` keep them."""
    made = [
        _table(grid, repro, rows, device, lane, folded=folded)
        for repro, rows in grid.repros.items()
        for device, lane in grid.lanes.items()
    ]
    return tuple(table for table in made if table.places)


def _table(
    grid: Grid,
    repro: str,
    rows: Sequence[Row],
    device: str,
    lane: Sequence[Column],
    *,
    folded: bool,
) -> FoldedTable:
    apart = _variants_apart(grid, rows, lane)
    lines = _lines(rows, apart)
    places = [
        place
        for variant in ("", *apart)
        for column in lane
        if any(
            _known(grid, line, place := FoldedColumn(column=column, variant=variant))
            for line in lines
        )
    ]
    keys = [[_key(grid, line, place) for place in places] for line in lines]
    across = _runs(places, [tuple(row[at] for row in keys) for at in range(len(places))])
    down = _groups(lines, [tuple(row) for row in keys])
    if not folded:
        across, down = [(place,) for place in places], [(line,) for line in lines]
    marks = tuple(tuple(_mark(grid, g[0], p[0]) for p in across) for g in down)
    return FoldedTable(
        repro=repro, device=device, lines=tuple(down), places=tuple(across), marks=marks
    )


def _variants_apart(
    grid: Grid, rows: Iterable[Row], lane: Sequence[Column]
) -> dict[str, frozenset[int]]:
    """The variants that exist on some but not all releases of the lane."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.variant:
            found[row.variant] |= {c.index for c in lane if grid.mark(row, c) != IMPOSSIBLE}
    return {name: frozenset(on) for name, on in found.items() if 0 < len(on) < len(lane)}


def _lines(rows: Iterable[Row], apart: Mapping[str, object]) -> list[FoldedCase]:
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.variant in apart:
            found[row.base][row.variant] = row
        else:
            found[row.case][""] = row
    return [FoldedCase(name=name, rows=rows) for name, rows in found.items()]


def _known(grid: Grid, line: FoldedCase, place: FoldedColumn) -> bool:
    return _mark(grid, line, place) != IMPOSSIBLE


def _mark(grid: Grid, line: FoldedCase, place: FoldedColumn) -> Mark:
    row = line.rows.get(place.variant)
    return IMPOSSIBLE if row is None else grid.mark(row, place.column)


def _key(grid: Grid, line: FoldedCase, place: FoldedColumn) -> Hashable:
    """The key of a cell: cells with equal keys may be joined. A flaky cell has its own k/n votes,
    so its key is unique."""
    mark, row = _mark(grid, line, place), line.rows.get(place.variant)
    if row is None or (cell := grid.cell(row, place.column)) is None:
        return mark
    alone = (row.index, place.column.index) if mark.votes else None
    return mark, cell.expected if mark.unexpected else None, cell.inferred, alone


def _runs(
    places: Sequence[FoldedColumn], keys: Sequence[Hashable]
) -> list[tuple[FoldedColumn, ...]]:
    """The places in groups: neighbours of one variant that have equal keys."""
    runs: list[list[FoldedColumn]] = []
    before: Optional[Hashable] = None
    for place, key in zip(places, keys):
        if runs and key == before and place.variant == runs[-1][0].variant:
            runs[-1].append(place)
        else:
            runs.append([place])
        before = key
    return [tuple(run) for run in runs]


def _groups(lines: Sequence[FoldedCase], keys: Sequence[Hashable]) -> list[tuple[FoldedCase, ...]]:
    groups: dict[Hashable, list[FoldedCase]] = defaultdict(list)
    for line, key in zip(lines, keys):
        groups[key].append(line)
    return [tuple(group) for group in groups.values()]
