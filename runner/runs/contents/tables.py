"""The first value that differs between two tables in CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Optional

from runner.grid.tolerance import differs
from runner.model import Json
from runner.runs.contents.lines import text_of
from runner.runs.contents.record import Difference, UnreadableError

_NUMBER = re.compile(r"\s*[-+]?(?:\d{1,18}|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)\s*", re.I)
_Table = list[list[str]]


def of_csv(
    before: bytes, after: bytes, tolerance: Optional[float], separator: str = ","
) -> Optional[Difference]:
    one, other = _rows(before, separator), _rows(after, separator)
    found, values = [], 0
    for number, (old, new) in enumerate(zip(one, other)):
        if len(old) != len(new):
            return Difference(place=f"values in row {number + 1}", before=len(old), after=len(new))
        values += len(old)
        found += [
            (number, column)
            for column, pair in enumerate(zip(old, new))
            if pair[0] != pair[1] and differs(_value(pair[0]), _value(pair[1]), tolerance)
        ]
    if found:
        row, column = found[0]
        return Difference(
            place=f"row {row + 1}, {_column_name(one[0], column)}",
            before=_value(one[row][column]),
            after=_value(other[row][column]),
            differing=len(found),
            values=values,
        )
    if len(one) != len(other):
        return Difference(place="number of rows", before=len(one), after=len(other))
    return None


def of_tsv(before: bytes, after: bytes, tolerance: Optional[float]) -> Optional[Difference]:
    return of_csv(before, after, tolerance, "\t")


def _rows(content: bytes, separator: str) -> _Table:
    try:
        return list(csv.reader(io.StringIO(text_of(content), newline=""), delimiter=separator))
    except csv.Error as error:
        raise UnreadableError(str(error)) from None


def _value(text: str) -> Json:
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return int(text)
    except ValueError:
        return float(text)


def _column_name(head: Sequence[str], column: int) -> str:
    """The column's title if the first row has titles, else its number."""
    titled = not any(_NUMBER.fullmatch(title) or not title for title in head)
    return head[column] if titled and column < len(head) else f"column {column + 1}"
