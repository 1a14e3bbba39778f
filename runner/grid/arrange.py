"""Arranges the results of a run in a grid."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Optional

from attrs import field, frozen

from runner.grid import controls, letters, shifts, suites, transitions
from runner.grid.folded import FoldedTable, tables
from runner.grid.layout import Key, Layout, layout_of
from runner.grid.records import IMPOSSIBLE, Column, Entry, Mark, Row, Shift, Transition
from runner.grid.variants import Existence, existence
from runner.model import Case, Release, Repro, Result, Run, Verdict, release_that_saved


@frozen(kw_only=True, slots=False)
class Grid:
    """The cells of a run: rows in the order of the plan, columns by release, device, Python."""

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: tuple[tuple[Optional[Result], ...], ...]
    marks: tuple[tuple[Mark, ...], ...]
    legend: tuple[Entry, ...]
    transitions: tuple[Transition, ...]
    run: Run = field(eq=False, repr=False)

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The legend by letter."""
        return {entry.letter: entry for entry in self.legend}

    @cached_property
    def lanes(self) -> dict[str, tuple[Column, ...]]:
        """The columns of each device; neighbours are compared within a device."""
        lanes: dict[str, list[Column]] = defaultdict(list)
        for column in self.columns:
            lanes[column.device].append(column)
        return {device: tuple(lanes[device]) for device in sorted(lanes)}

    @cached_property
    def repros(self) -> dict[str, tuple[Row, ...]]:
        repros: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            repros[row.repro].append(row)
        return {name: tuple(rows) for name, rows in repros.items()}

    @cached_property
    def counts(self) -> Counter[Optional[Verdict]]:
        """How many cells have each verdict, without inferred ones; None is "no result"."""
        return Counter(mark.verdict for mark in self.possible if not mark.inferred)

    @cached_property
    def possible(self) -> tuple[Mark, ...]:
        """The marks of all cells except those that a variant rules out."""
        return tuple(mark for marks in self.marks for mark in marks if not mark.impossible)

    @cached_property
    def inferred(self) -> Counter[Optional[Verdict]]:
        """How many inferred cells have each verdict; `counts` has the others."""
        return Counter(m.verdict for marks in self.marks for m in marks if m.inferred)

    @cached_property
    def shifts(self) -> tuple[Shift, ...]:
        """Changes of observed values in cases whose outcome stays, by release, name and row."""
        return shifts.value_shifts(self.rows, self.lanes.values(), self.cells, self.marks)

    @cached_property
    def folded(self) -> tuple[FoldedTable, ...]:
        """A table for each repro on each device, with equal rows and equal columns joined."""
        return tables(self)

    @cached_property
    def unfolded(self) -> tuple[FoldedTable, ...]:
        """The same tables with a row for each case and a column for each release."""
        return tables(self, folded=False)

    @property
    def results(self) -> Iterator[Result]:
        """All results, in reading order."""
        return (result for row in self.cells for result in row if result is not None)

    def cell(self, row: Row, column: Column) -> Optional[Result]:
        return self.cells[row.index][column.index]

    def mark(self, row: Row, column: Column) -> Mark:
        return self.marks[row.index][column.index]

    def transitions_of(self, rows: Sequence[Row]) -> tuple[Transition, ...]:
        """The transitions, computed from these rows only."""
        if tuple(rows) == self.rows:
            return self.transitions
        found = transitions.find_transitions(rows, self.columns, self.marks)
        return controls.with_controls(found, self.run, self.cells)


def build_grid(run: Run, releases: Sequence[Release] = ()) -> Grid:
    """The grid of a run, finished or not.

    `releases` are all known releases. With them, a label shows the full version of a patch that is
    not the newest of its series, and gaps between releases are found.
    """
    layout = layout_of(run, releases)
    lanes = layout.columns
    found = _found(run.results, layout)
    rows = _rows(run, layout, dict.fromkeys(key for key, _ in found))
    ruled_out = _ruled_out(run, rows, layout, releases)
    ruled_out |= suites.missing_tests(run, rows, lanes, found)
    cells = tuple(
        tuple(
            None if (row.index, column.index) in ruled_out else found.get(_cell_key(row, column))
            for column in lanes
        )
        for row in rows
    )
    named = letters.letters(_signature(cell) for row in cells for cell in row if _named(cell))
    marked = _Marks(named)
    marks = tuple(
        tuple(
            IMPOSSIBLE if (row.index, at) in ruled_out else marked.mark(cell)
            for at, cell in enumerate(cells[row.index])
        )
        for row in rows
    )
    return Grid(
        rows=rows,
        columns=lanes,
        cells=cells,
        marks=marks,
        legend=_legend(cells, named),
        transitions=controls.with_controls(
            transitions.find_transitions(rows, lanes, marks), run, cells
        ),
        run=run,
    )


def _cell_key(row: Row, column: Column) -> tuple[Key, int]:
    return (row.repro, row.case), column.index


def _ruled_out(
    run: Run, rows: Sequence[Row], layout: Layout, releases: Sequence[Release]
) -> set[tuple[int, int]]:
    """The row and column of each impossible cell: its variant is not meant for that release.

    A cell that has a result all the same is never removed. Skipped cells stay if a release, a
    Python that somebody asked for, or a whole repro would vanish: they say why.
    """
    varied = (repro for repro in run.repros if any(case.variant.name for case in repro.cases))
    lacking = {cell for repro in varied for cell in _lacking(repro, layout, releases)}
    if not lacking:
        return set()
    measured = (r for r in run.results if r.outcome.verdict is not Verdict.SKIP)
    lacking -= _found(measured, layout).keys()
    index = {(row.repro, row.case): row.index for row in rows}
    return {(index[key], at) for key, at in lacking if key in index}


def _lacking(
    repro: Repro, layout: Layout, releases: Sequence[Release]
) -> Iterator[tuple[Key, int]]:
    """The key of the row and the column of each cell whose variant does not exist there, but for
    those that have to say why they were skipped."""
    known: dict[str, Existence] = {}
    not_meant: list[tuple[Key, int]] = []
    no_python: list[tuple[Key, int]] = []
    meant: set[int] = set()
    there: set[int] = set()
    for case in repro.cases:
        columns, variant = layout.columns_of(case), case.variant
        if variant.name not in known:
            versions = {column.tensorflow for column in columns}
            known[variant.name] = existence(variant, versions, releases)
        of, key = known[variant.name], (repro.name, layout.row_case(case).name)
        for column in columns:
            if column.tensorflow not in of.meant_for:
                not_meant.append((key, column.index))
                continue
            meant.add(column.index)
            if column.tensorflow in of.with_python:
                there.add(column.index)
            elif of.with_python:
                no_python.append((key, column.index))
    yield from (cell for cell in no_python if cell[1] in there)
    yield from not_meant if meant else ()


def _rows(run: Run, layout: Layout, measured: Mapping[Key, None]) -> tuple[Row, ...]:
    """The planned cases, then other cases that have results, in the order of the results.

    In a finished run, a case without a result was not selected, so it gets no row.
    """
    planned = ((r.name, layout.row_case(case)) for r in run.repros for case in r.cases)
    cases = {(repro, case.name): case for repro, case in planned}
    wanted = [key for key in cases if key in measured or run.info.finished is None]
    keys = list(dict.fromkeys([*wanted, *measured]))
    if any(repro.suite for repro in run.repros):
        keys, cases = suites.with_tests_in_order(run, layout, keys, cases)
    load = {repro.name for repro in run.repros if repro.saved_by}
    return tuple(
        _row(index, key[0], cases.get(key) or Case(name=key[1]), loads=key[0] in load)
        for index, key in enumerate(keys)
    )


def _row(index: int, repro: str, case: Case, *, loads: bool) -> Row:
    return Row(
        index=index,
        repro=repro,
        case=case.name,
        about=case.about,
        base=case.base_name,
        variant=case.variant.name,
        saver=release_that_saved(case.name) if loads else "",
    )


def _found(results: Iterable[Result], layout: Layout) -> dict[tuple[Key, int], Result]:
    """The results by row and column. If a cell has several, the last counts, as in the journal."""
    return {layout.place(result): result for result in results}


_UNNAMED = (Verdict.PASS, Verdict.SKIP, Verdict.ERROR)


def _named(cell: Optional[Result]) -> bool:
    """Whether a cell gets a letter: it was judged and did not pass."""
    return cell is not None and cell.outcome.verdict not in _UNNAMED


def _signature(cell: Optional[Result]) -> str:
    """The signature of a cell; a failure without one is named by its verdict."""
    return "" if cell is None else cell.outcome.signature or cell.outcome.verdict.value


class _Marks:
    """Makes marks; cells that show the same share one."""

    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = named
        self._known: dict[tuple[Verdict, str, bool, bool, str], Mark] = {}

    def mark(self, cell: Optional[Result]) -> Mark:
        if cell is None:
            return _EMPTY
        verdict, unexpected = cell.outcome.verdict, cell.unexpected
        letter = self._named[_signature(cell)] if _named(cell) else ""
        inferred, votes = bool(cell.inferred), cell.votes
        key = (verdict, letter, unexpected, inferred, votes)
        mark = self._known.get(key)
        if mark is None:
            self._known[key] = mark = Mark(
                verdict=verdict,
                letter=letter,
                unexpected=unexpected,
                inferred=inferred,
                votes=votes,
            )
        return mark


_EMPTY = Mark()


def _legend(
    cells: tuple[tuple[Optional[Result], ...], ...], named: Mapping[str, str]
) -> tuple[Entry, ...]:
    shown: dict[str, list[Result]] = defaultdict(list)
    for row in cells:
        for cell in row:
            if cell is not None and _named(cell):
                shown[_signature(cell)].append(cell)
    return tuple(
        Entry(
            index=index,
            letter=named[signature],
            signature=signature,
            verdict=results[0].outcome.verdict,
            count=len(results),
            inferred=sum(bool(result.inferred) for result in results),
            first=next((result for result in results if not result.inferred), results[0]),
        )
        for index, (signature, results) in enumerate(shown.items())
    )
