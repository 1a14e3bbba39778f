"""The parts of matrix.md on observed values that change although the outcome does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from runner.grid import Column, Grid, Row, release_range
from runner.report import gfm, text
from runner.report.context import Context
from runner.report.names import short_name
from runner.report.outputs import OutputChange, output_changes
from runner.report.values import (
    RestlessValue,
    ValueChange,
    first_difference,
    restless_values,
    value_changes,
)

MOST_UNFOLDED = 5


def render(grid: Grid, most: int) -> Iterator[str]:
    """The changes in the most cases; then all changes, in a folded section."""
    found, noise = (value_changes(grid), restless_values(grid)) if most else ((), ())
    if not found and not noise:
        return
    largest = sorted(found, key=lambda step: -len(step.shifts))[:MOST_UNFOLDED]
    yield "### Same outcome, other values"
    yield "\n".join(f"- {_step(step)}" for step in found if any(step is each for each in largest))
    lines = [_step(step) for step in found] if len(found) > MOST_UNFOLDED else []
    lines += [_restless(each) for each in noise]
    if lines:
        more = [f"and {len(lines) - most} more"] if len(lines) > most else []
        body = "\n".join(f"- {line}" for line in [*lines[:most], *more])
        yield gfm.details(f"All that was observed to change: {len(found) + len(noise)}", body)


def _step(step: ValueChange) -> str:
    first = step.shifts[0]
    where = f"**{gfm.plain_or_code(step.before.label)} → {gfm.plain_or_code(step.after.label)}**"
    name, *values = first_difference(first)
    old, new = (gfm.code_span(text.value_text(value), 60) for value in values)
    what = f"from {old} to {new} in {gfm.case_name(first.row.case)}"
    if name != step.name or len(step.shifts) == 1:
        what = f"{gfm.code_span(name, 60)} {what}"
    if len(step.shifts) > 1:
        what = f"{gfm.code_span(step.name, 60)} in {len(step.shifts)} cases, such as {what}"
    return f"{where}: {what}"


def _restless(value: RestlessValue) -> str:
    name, case = gfm.code_span(value.name, 60), gfm.case_name(value.row.case)
    return f"{name} in {case} changes from release to release, {value.times} times"


def outputs(context: Context, most: int) -> Iterator[str]:
    """Passing cases whose output changes, with the first line that differs."""
    found = output_changes(context) if most else ()
    if not found:
        return
    lines = [_output(change) for change in found]
    shown = lines[: min(most, MOST_UNFOLDED)]
    yield "### Same outcome, other output"
    yield "\n".join(f"- {line}" for line in shown)
    if len(lines) > len(shown):
        more = [f"and {len(lines) - most} more"] if len(lines) > most else []
        body = "\n".join(f"- {line}" for line in [*lines[:most], *more])
        yield gfm.details(f"All outputs that change: {len(lines)}", body)


def _output(change: OutputChange) -> str:
    ends = (gfm.plain_or_code(column.label) for column in (change.before, change.after))
    where = f"**{' → '.join(ends)}**"
    rows = change.rows
    name = gfm.case_name(rows[0].case)
    cases = f"in {name}" if len(rows) == 1 else f"in {len(rows)} cases, such as {name}"
    old, new = (gfm.code_span(line, 160) if line else "" for line in (change.old, change.new))
    if old and new:
        return f"{where}: {old} becomes {new} {cases}"
    if old or new:
        return f"{where}: {f'{old} is no longer' if old else f'{new} is'} printed {cases}"
    return f"{where}: the output differs {cases}"


MOST_VALUES = 12
"""The most rows in the table of values."""
MOST_LABEL = 120
MOST_VALUE = 24
"""The longest value in characters."""
MOST_COLUMNS = 8
"""A comment has room for this many columns; a wider table is folded away."""

_Named = tuple[Row, str]
"""A row and the name of an observed value."""
_Line = tuple[str, ...]
"""The value as shown, for each column of the grid."""


def table(grid: Grid, most: int) -> Iterator[str]:
    """A table with a row for each observed value that changes.

    Neighbouring columns with the same values are one column; cases with the same values are one
    row. If there are few values, those that never change have a row too. If lists of numbers would
    make the table wider than a comment, only single values have a row.
    """
    if len(grid.columns) < 2:
        return
    rows = _in_rows(grid, _chosen(grid))
    groups = _columns(grid, rows)
    if len(groups) > MOST_COLUMNS:
        rows = [(line, same) for line, same in rows if _single(grid, *same[0])]
        groups = _columns(grid, rows)
    rows = rows[: min(most, MOST_VALUES)]
    if not rows:
        return
    head = ["value", *(gfm.plain_or_code(release_range(group)) for group in groups)]
    body = [[_name(grid, same), *(line[group[0].index] for group in groups)] for line, same in rows]
    shown = gfm.table(head, body)
    if len(groups) > MOST_COLUMNS:
        yield gfm.details("Observed values", shown)
    else:
        yield "### Observed values"
        yield shown


def _columns(grid: Grid, rows: Sequence[tuple[_Line, list[_Named]]]) -> list[list[Column]]:
    return _alike(grid.columns, list(zip(*(line for line, _ in rows)))) if rows else []


def _chosen(grid: Grid) -> list[_Named]:
    """All values if there are few, else those that change."""
    names = [(row, name) for row in grid.rows for name in _observed(grid, row)]
    if len(names) <= MOST_VALUES:
        return names
    changing = {(shift.row.index, shift.name) for shift in grid.shifts}
    return [(row, name) for row, name in names if (row.index, name) in changing]


def _in_rows(grid: Grid, names: Sequence[_Named]) -> list[tuple[_Line, list[_Named]]]:
    """The rows of the table, and the values of one name that share each row."""
    rows: dict[tuple[str, _Line], list[_Named]] = defaultdict(list)
    for row, name in names:
        line = tuple(_shown(grid, row, name, column) for column in grid.columns)
        rows[name, line].append((row, name))
    return [(line, same) for (_, line), same in rows.items()]


def _single(grid: Grid, row: Row, name: str) -> bool:
    cells = (cell for cell in grid.cells[row.index] if cell is not None)
    return not any(isinstance(cell.observations.get(name), (list, dict)) for cell in cells)


def _observed(grid: Grid, row: Row) -> dict[str, None]:
    """The names of the row's values, in order of appearance."""
    cells = (cell for cell in grid.cells[row.index] if cell is not None)
    return dict.fromkeys(name for cell in cells for name in cell.observations)


def _name(grid: Grid, same: Sequence[_Named]) -> str:
    row, name = same[0]
    if len(same) > 1:
        return f"{gfm.table_code_span(name)} in {len(same)} cases"
    case = f"{short_name(row.case)}: " if len(grid.rows) > 1 else ""
    return gfm.table_code_span(f"{case}{name}", MOST_LABEL)


def _shown(grid: Grid, row: Row, name: str, column: Column) -> str:
    cell = grid.cell(row, column)
    if cell is None or name not in cell.observations:
        return ""
    return gfm.table_code_span(text.value_text(cell.observations[name], MOST_VALUE))


def _alike(columns: Sequence[Column], seen: Sequence[tuple[str, ...]]) -> list[list[Column]]:
    """Groups of neighbouring columns of one device that show the same values."""
    groups: list[list[Column]] = []
    for column, values in zip(columns, seen):
        last = groups[-1][-1] if groups else None
        if last is not None and last.device == column.device and seen[last.index] == values:
            groups[-1].append(column)
        else:
            groups.append([column])
    return groups
