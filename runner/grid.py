"""A run arranged by case and release: cells, letters for signatures, and where behaviour changes.

Pure. What a cell *shows* is a `Mark`; two cells agree when their marks do. Only judged cells are
ever compared: a skip, an error or a cell that is missing says nothing about TensorFlow, so a change
is between the nearest judged neighbours, and the columns passed over are named with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Optional

from attrs import frozen
from packaging.version import Version

from runner import letters
from runner.model import Result, Run, Verdict

PASS = "pass"
"""The finding of a cell that passed; that of any other judged cell is the letter of its signature."""


@frozen(kw_only=True)
class Row:
    """One case of one repro."""

    index: int
    repro: str
    case: str
    about: str = ""


@frozen(kw_only=True)
class Column:
    """A release on a device with one Python. Several environments where repros add packages."""

    index: int
    tensorflow: str
    device: str
    python: str
    label: str
    """The shortest name that is unique on this device: `2.9`, `2.9.1`, `2.9.1 py3.8`."""
    environments: tuple[str, ...]


@frozen(kw_only=True)
class Mark:
    """What a cell shows; `verdict` is None where there is no result."""

    verdict: Optional[Verdict] = None
    letter: str = ""
    unexpected: bool = False
    inferred: bool = False

    @property
    def finding(self) -> Optional[str]:
        """`pass` or a letter; None where the cell says nothing about TensorFlow."""
        return (self.letter or PASS) if self.verdict is not None and self.verdict.judged else None


@frozen(kw_only=True)
class Entry:
    """One letter of the legend."""

    index: int
    letter: str
    signature: str
    verdict: Verdict
    count: int
    first: Result
    """The first cell that shows it, in reading order."""


@frozen(kw_only=True)
class Change:
    row: Row
    before: str
    after: str


@frozen(kw_only=True)
class Transition:
    """Two columns that are nearest judged neighbours for some cases, of which some changed."""

    before: Column
    after: Column
    between: tuple[Column, ...]
    """The columns between them, where these cases could not be judged."""
    compared: int
    """How many cases were judged on both."""
    changes: tuple[Change, ...]

    @property
    def tally(self) -> list[tuple[tuple[str, str], int]]:
        """How many cases changed from what to what, the commonest first."""
        return Counter((c.before, c.after) for c in self.changes).most_common()


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
        """Cells of each verdict; None counts the cells without a result."""
        return Counter(mark.verdict for marks in self.marks for mark in marks)

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
        return _transitions(rows, self.columns, self.marks)

    def folds(self, columns: Sequence[Column]) -> tuple[tuple[Column, ...], ...]:
        """Runs of neighbouring columns that show the same in every row."""
        folds: list[list[Column]] = []
        for column, shown in zip(columns, map(self._shown, columns)):
            if folds and self._shown(folds[-1][-1]) == shown:
                folds[-1].append(column)
            else:
                folds.append([column])
        return tuple(map(tuple, folds))

    def _shown(self, column: Column) -> list[tuple[Optional[Verdict], str, bool]]:
        marks = (row[column.index] for row in self.marks)
        return [(mark.verdict, mark.letter, mark.unexpected) for mark in marks]


def build(run: Run) -> Grid:
    """The grid of a run, finished or not."""
    columns = _columns(run)
    found = _found(run.results, columns)
    rows = _rows(run, {key[0] for key in found})
    cells = tuple(
        tuple(found.get(((row.repro, row.case), column.index)) for column in columns)
        for row in rows
    )
    named = letters.letters(_signature(cell) for row in cells for cell in row if _named(cell))
    marks = tuple(tuple(_mark(cell, named) for cell in row) for row in cells)
    return Grid(
        rows=rows,
        columns=columns,
        cells=cells,
        marks=marks,
        legend=_legend(cells, named),
        transitions=_transitions(rows, columns, marks),
    )


def span(columns: Sequence[Column]) -> str:
    """`1.12–1.15`, or one label."""
    first, last = columns[0].label, columns[-1].label
    return first if len(columns) == 1 else f"{first}–{last}"


def _columns(run: Run) -> tuple[Column, ...]:
    environments: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for environment in run.environments:
        place = (environment.tensorflow, environment.device, environment.python)
        environments[place][environment.id] = None
    for result in run.results:
        place = (result.tensorflow, result.device, result.python)
        environments[place][result.environment] = None
    places = sorted(environments, key=lambda p: (Version(p[0]), p[1], _python_order(p[2])))
    return tuple(
        Column(
            index=index,
            tensorflow=place[0],
            device=place[1],
            python=place[2],
            label=_label(place, places),
            environments=tuple(environments[place]),
        )
        for index, place in enumerate(places)
    )


def _python_order(python: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else 0, part) for part in python.split(".")]


def _label(place: tuple[str, str, str], places: Iterable[tuple[str, str, str]]) -> str:
    version, device, python = place
    peers = [p for p in places if p[1] == device and _series(p[0]) == _series(version)]
    label = _series(version) if len({p[0] for p in peers}) == 1 else version
    return f"{label} py{python}" if sum(p[0] == version for p in peers) > 1 else label


def _series(version: str) -> str:
    """`2.9` of `2.9.3`; a pre-release or a nightly stays as it is, for it stands for no series."""
    parsed = Version(version)
    return version if parsed.is_prerelease else f"{parsed.major}.{parsed.minor}"


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
    places = {(c.tensorflow, c.device, c.python): c.index for c in columns}
    return {((r.repro, r.case), places[(r.tensorflow, r.device, r.python)]): r for r in results}


def _named(cell: Optional[Result]) -> bool:
    """Whether a cell gets a letter: it was judged, and did not pass."""
    return cell is not None and cell.outcome.verdict not in (
        Verdict.PASS,
        Verdict.SKIP,
        Verdict.ERROR,
    )


def _signature(cell: Optional[Result]) -> str:
    """What happened; a judged failure that has no signature is known by its verdict alone."""
    return "" if cell is None else cell.outcome.signature or cell.outcome.verdict.value


def _mark(cell: Optional[Result], named: Mapping[str, str]) -> Mark:
    if cell is None:
        return Mark()
    return Mark(
        verdict=cell.outcome.verdict,
        letter=named[_signature(cell)] if _named(cell) else "",
        unexpected=cell.unexpected,
        inferred=bool(cell.inferred),
    )


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
            first=results[0],
        )
        for index, (signature, results) in enumerate(shown.items())
    )


def _transitions(
    rows: Sequence[Row], columns: Sequence[Column], marks: Sequence[Sequence[Mark]]
) -> tuple[Transition, ...]:
    compared: Counter[tuple[int, int]] = Counter()
    changes: dict[tuple[int, int], list[Change]] = defaultdict(list)
    for device in dict.fromkeys(column.device for column in columns):
        lane = [column.index for column in columns if column.device == device]
        for row in rows:
            for pair, before, after in _neighbours(lane, marks[row.index]):
                compared[pair] += 1
                if before != after:
                    changes[pair].append(Change(row=row, before=before, after=after))
    return tuple(
        Transition(
            before=columns[first],
            after=columns[last],
            between=_between(columns, first, last),
            compared=compared[(first, last)],
            changes=tuple(changes[(first, last)]),
        )
        for first, last in sorted(changes, key=lambda pair: (pair[1], -pair[0]))
    )


def _neighbours(
    lane: Iterable[int], marks: Sequence[Mark]
) -> Iterator[tuple[tuple[int, int], str, str]]:
    """Each two judged cells of a row with none between them that was."""
    last: Optional[tuple[int, str]] = None
    for index in lane:
        finding = marks[index].finding
        if finding is None:
            continue
        if last is not None:
            yield (last[0], index), last[1], finding
        last = (index, finding)


def _between(columns: Sequence[Column], first: int, last: int) -> tuple[Column, ...]:
    inside = columns[first + 1 : last]
    return tuple(column for column in inside if column.device == columns[first].device)
