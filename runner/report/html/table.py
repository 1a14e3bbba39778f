"""The table of index.html: releases across, cases down, a button in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from runner.grid import Column, Grid, Mark, Row
from runner.report import style
from runner.report.text import clean


def render(grid: Grid) -> Iterator[str]:
    lanes = list(grid.lanes.values())
    columns = [column for lane in lanes for column in lane]
    apart = _apart(lanes)
    yield from _head(grid, columns, apart)
    buttons = _Buttons(grid)
    for repro, rows in grid.repros.items():
        yield "<tbody>"
        if len(grid.repros) > 1:
            wide = 1 + len(columns)
            name = escape(clean(repro))
            yield (
                f'<tr class="repro"><th scope="rowgroup" colspan="{wide}"><span>{name}</span></th>'
                "</tr>"
            )
        for row in rows:
            yield _row(row, columns, grid.marks[row.index], apart, buttons)
        yield "</tbody>"


class _Buttons(dict[Mark, str]):
    """A button for each kind of mark: cells by the thousand show one of a few."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __missing__(self, mark: Mark) -> str:
        paint = style.paint_name(mark, self._grid.entries) + (" i" if mark.inferred else "")
        votes = f"<small>{mark.votes}</small>" if mark.votes else ""
        self[mark] = made = (
            f'<button type="button" tabindex="-1" class="{paint}" '
            f'aria-label="{escape(style.label(mark))}">{style.sign(mark)}{votes}</button></td>'
        )
        return made


def _apart(lanes: Sequence[Sequence[Column]]) -> Mapping[int, str]:
    """The first column of each major version of each device is set apart."""
    heads: dict[tuple[str, str], int] = {}
    for lane in lanes:
        for column in lane:
            heads.setdefault((column.device, column.tensorflow.split(".")[0]), column.index)
    return dict.fromkeys(heads.values(), ' class="apart"')


def _head(grid: Grid, columns: Sequence[Column], apart: Mapping[int, str]) -> Iterator[str]:
    yield "<thead>"
    if len(grid.lanes) > 1:
        lanes = "".join(
            f'<th scope="colgroup" colspan="{len(lane)}" class="lane" '
            f'data-lane="{escape(device)}">{escape(clean(device))}</th>'
            for device, lane in grid.lanes.items()
        )
        yield f'<tr><td class="corner"></td>{lanes}</tr>'
    heads = "".join(_column(column, column.index in apart) for column in columns)
    yield f'<tr><th scope="col" class="corner">case</th>{heads}</tr>'
    yield "</thead>"


def _column(column: Column, apart: bool) -> str:
    about = f"TensorFlow {column.tensorflow}, Python {column.python}, {column.device}"
    return (
        f'<th scope="col" class="v{" apart" if apart else ""}" data-c="{column.index}" '
        f'title="{escape(clean(about))}">{escape(clean(column.label))}</th>'
    )


def _row(
    row: Row,
    columns: Sequence[Column],
    marks: Sequence[Mark],
    apart: Mapping[int, str],
    buttons: Mapping[Mark, str],
) -> str:
    name = clean(row.case)
    title = f"{name}: {clean(row.about)}" if row.about else name
    cells = "".join(
        f'<td data-c="{c.index}"{apart.get(c.index, "")}>{buttons[marks[c.index]]}' for c in columns
    )
    return (
        f'<tr data-r="{row.index}"><th scope="row" title="{escape(title)}">'
        f"<span>{escape(name)}</span></th>{cells}</tr>"
    )
