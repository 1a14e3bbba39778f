"""Results → a grid."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Optional

from attrs import frozen

from runner.grid import letters, shifts, transitions
from runner.grid.columns import columns_of
from runner.grid.records import Column, Entry, Mark, Row, Shift, Transition
from runner.model import Result, Run, Verdict


@frozen(kw_only=True, slots=False)
class Grid:
    """Rows in the order of the plan; columns by release, device, Python."""

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: tuple[tuple[Optional[Result], ...], ...]
    marks: tuple[tuple[Mark, ...], ...]
    legend: tuple[Entry, ...]
    transitions: tuple[Transition, ...]

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The legend by letter."""
        return {entry.letter: entry for entry in self.legend}

    @cached_property
    def lanes(self) -> dict[str, tuple[Column, ...]]:
        """The columns of each device: along these, neighbours are compared."""
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
        """Cells of each verdict but for inferred ones; None counts the cells without a result."""
        return Counter(m.verdict for marks in self.marks for m in marks if not m.inferred)

    @cached_property
    def inferred(self) -> Counter[Optional[Verdict]]:
        """Cells of each verdict that nobody measured: `counts` has the others."""
        return Counter(m.verdict for marks in self.marks for m in marks if m.inferred)

    @cached_property
    def shifts(self) -> tuple[Shift, ...]:
        """Where observed values change though the outcome does not, by release, name and row."""
        return shifts.find(self.rows, self.lanes.values(), self.cells, self.marks)

    @property
    def results(self) -> Iterator[Result]:
        """All there are, in reading order."""
        return (result for row in self.cells for result in row if result is not None)

    def cell(self, row: Row, column: Column) -> Optional[Result]:
        return self.cells[row.index][column.index]

    def mark(self, row: Row, column: Column) -> Mark:
        return self.marks[row.index][column.index]

    def transitions_of(self, rows: Sequence[Row]) -> tuple[Transition, ...]:
        """As `transitions`, of these rows alone."""
        if tuple(rows) == self.rows:
            return self.transitions
        return transitions.find(rows, self.columns, self.marks)

    def folds(
        self, columns: Sequence[Column], rows: Optional[Sequence[Row]] = None
    ) -> tuple[tuple[Column, ...], ...]:
        """Runs of neighbouring columns that show the same in every one of `rows` (None: of all)."""
        marks = [self.marks[row.index] for row in (self.rows if rows is None else rows)]
        folds: list[list[Column]] = []
        before = None
        for column in columns:
            shown = [_shown(row[column.index]) for row in marks]
            if folds and shown == before:
                folds[-1].append(column)
            else:
                folds.append([column])
            before = shown
        return tuple(map(tuple, folds))


def _shown(mark: Mark) -> tuple[Optional[Verdict], str, bool, str]:
    """That a cell was inferred keeps no columns apart: it agrees with what it was inferred from."""
    return (mark.verdict, mark.letter, mark.unexpected, mark.votes)


def build(run: Run) -> Grid:
    """The grid of a run, finished or not."""
    lanes = columns_of(run)
    found = _found(run.results, lanes)
    rows = _rows(run, {key[0] for key in found})
    cells = tuple(
        tuple(found.get(((row.repro, row.case), column.index)) for column in lanes) for row in rows
    )
    named = letters.letters(_signature(cell) for row in cells for cell in row if _named(cell))
    marked = _Marks(named)
    marks = tuple(tuple(map(marked.mark, row)) for row in cells)
    return Grid(
        rows=rows,
        columns=lanes,
        cells=cells,
        marks=marks,
        legend=_legend(cells, named),
        transitions=transitions.find(rows, lanes, marks),
    )


def _rows(run: Run, measured: set[tuple[str, str]]) -> tuple[Row, ...]:
    """As planned; then what was measured besides.

    In a run that ended, a case without any result was not asked for, so it gets no row.
    """
    abouts = {(r.name, c.name): c.about for r in run.repros for c in r.cases}
    wanted = [key for key in abouts if key in measured or run.info.finished is None]
    besides = ((result.repro, result.case) for result in run.results)
    keys = dict.fromkeys([*wanted, *besides])
    return tuple(
        Row(index=index, repro=key[0], case=key[1], about=abouts.get(key, ""))
        for index, key in enumerate(keys)
    )


def _found(
    results: Iterable[Result], columns: Iterable[Column]
) -> dict[tuple[tuple[str, str], int], Result]:
    """Results by row and column; of several for one cell the last, as in the journal."""
    places = {(c.tensorflow, c.device, python): c.index for c in columns for python in c.pythons}
    return {((r.repro, r.case), places[(r.tensorflow, r.device, r.python)]): r for r in results}


_UNNAMED = (Verdict.PASS, Verdict.SKIP, Verdict.ERROR)


def _named(cell: Optional[Result]) -> bool:
    """Whether a cell gets a letter: it was judged, and did not pass."""
    return cell is not None and cell.outcome.verdict not in _UNNAMED


def _signature(cell: Optional[Result]) -> str:
    """What happened; a judged failure that has no signature is known by its verdict alone."""
    return "" if cell is None else cell.outcome.signature or cell.outcome.verdict.value


class _Marks:
    """One mark for all cells that show the same."""

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
