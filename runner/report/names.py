"""Names of cases, shortened for reports.

Names of tests are long (`tests/test_a.py::TestB::test_c[0.1]`), begin alike and differ at the end.
So a table states the common beginning once, and a shortened name keeps its end.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

from attrs import frozen

from runner.grid import Grid, neighbours, release_range
from runner.grid.folded import FoldedColumn, FoldedTable
from runner.model import saved_by
from runner.report.text import ELLIPSIS, clean, shortened

MOST = 60
"""The longest name in characters."""
MOST_WHOLE = 960
"""The longest name where a shorter one would be ambiguous."""
MOST_GLOBS = 6
"""At most this many names and globs label one row; of more, `EXAMPLES` are shown."""
EXAMPLES = 3
EMPTY = "(empty)"
LEVEL = re.compile(r".*?(?:/|::)")
"""A folder, a file or a class in the name of a test."""


@frozen
class TableNames:
    """The labels of a table's rows."""

    shared: str
    """The beginning that all names share, such as `tests/test_a.py::`; it is shown above the table.
    """
    rows: tuple[tuple[str, ...], ...]
    """For each row: its names and globs, without `shared` and shortened."""

    def labels(self, table: FoldedTable, quote: Callable[[str], str] = str) -> list[str]:
        """A label for each row: its names, its number of cases. `keras-shape-*, updates-alone-*
        (4)`"""
        return [_label(names, len(lines), quote) for names, lines in zip(self.rows, table.lines)]


def table_names(table: FoldedTable, most: int = MOST) -> TableNames:
    """The names of a table's rows, at most `most` characters each unless two would look alike."""
    every = [line.name for group in table.lines for line in group]
    shared = _shared(every) if len(table.lines) > 1 else ""
    named = _saver_names(table) or table.names
    rows = [[name[len(shared) :] for name in names] for names in named]
    short = _distinct([name for names in rows for name in names], most)
    return TableNames(clean(shared), tuple(tuple(short[name] for name in row) for row in rows))


def _saver_names(table: FoldedTable) -> list[list[str]]:
    """Of rows that load what other releases saved: `saved by 2.9.3`, of several rows alike
    `saved by 1.15, 2.4–2.9`. Else nothing."""
    columns = {each.column.tensorflow: each.column for group in table.places for each in group}
    savers = [[row.saver for line in group for row in line.rows.values()] for group in table.lines]
    if not all(saver in columns for group in savers for saver in group):
        return []
    every = sorted((columns[saver] for group in savers for saver in group), key=lambda c: c.index)
    groups = [neighbours([columns[saver] for saver in group], every) for group in savers]
    named = [", ".join(map(release_range, group)) for group in groups]
    return [[saved_by(group[0] if len(group) == 1 else name)] for group, name in zip(savers, named)]


def table_titles(grid: Grid, table: FoldedTable) -> list[str]:
    """The titles that distinguish this table from the run's others: its repro, its device."""
    repro = [table.repro] if len(grid.repros) > 1 else []
    return [*repro, *([table.device] if len(grid.lanes) > 1 else [])]


def column_label(places: Sequence[FoldedColumn]) -> list[str]:
    """The label of a column in lines: its releases, then its variant."""
    releases = release_range([place.column for place in places])
    return [shortened(line, MOST) for line in (releases, places[0].variant) if line]


def short_name(name: str, most: int = MOST) -> str:
    """The cleaned name in at most `most` characters: one third its beginning, then its end."""
    whole = clean(name) or EMPTY
    if len(whole) <= most:
        return whole
    beginning = (most - 1) // 3
    return whole[:beginning].rstrip() + ELLIPSIS + whole[beginning + 1 - most :].lstrip()


def short_names(names: Iterable[str], most: int = MOST) -> list[str]:
    """Each name once, shortened. Of the tests of one file, only the first shows the file."""
    every = list(dict.fromkeys(names))
    short = _distinct(every, most)
    return list(_by_file(short[name] for name in every))


def _label(names: Sequence[str], lines: int, quote: Callable[[str], str]) -> str:
    kept = names if len(names) <= MOST_GLOBS else names[:EXAMPLES]
    shown = list(map(quote, _by_file(kept)))
    more = [f"and {len(names) - len(kept)} more"] if len(names) > len(kept) else []
    return ", ".join([*shown, *more]) + (f" ({lines})" if lines > 1 else "")


def _by_file(names: Iterable[str]) -> Iterator[str]:
    """`tests/test_a.py::test_b, …::test_c`."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_file(name) or name].append(name)
    for file, (first, *others) in groups.items():
        yield first
        yield from (f"{ELLIPSIS}{name[len(file) - 2 :]}" for name in others)


def _file(name: str) -> str:
    """The part of a test's name before the test itself: `tests/test_a.py::TestB::`."""
    place = name.partition("[")[0]
    return place[: place.rfind("::") + 2] if "::" in place else ""


def _shared(names: Sequence[str]) -> str:
    """The folders, files and classes that hold all these tests; "" if a name is not a test's."""
    files = list(map(_file, names))
    if not all(files):
        return ""
    same = takewhile(lambda level: len(set(level)) == 1, zip(*map(LEVEL.findall, files)))
    return "".join(level[0] for level in same)


def _distinct(names: Sequence[str], most: int) -> dict[str, str]:
    short = {name: short_name(name, most) for name in names}
    often = Counter(short.values())
    alike = [name for name, shown in short.items() if often[shown] > 1]
    if alike and most < MOST_WHOLE:
        short.update(_distinct(alike, 2 * most))
    return short
