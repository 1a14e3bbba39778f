"""The cells that disagree with both their neighbours, which agree: a bug of one release, or chance.

Such a cell is the one that people act on, and the one that a hiccup makes; it is worth a second
look. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Optional

from packaging.version import Version

from runner.model import Result

FEW = 20
"""Second looks that any run may take; a larger one takes a tenth of its cells."""


def outliers(results: Sequence[Result]) -> tuple[Result, ...]:
    """What to measure once more: as many as are worth it, spread over all there are.

    Not what was measured twice already, what matrix.yaml says of this release, and the ends of a
    row, which have one neighbour.
    """
    found = [one for row in _rows(results) for one in _odd(row)]
    most = max(FEW, len(results) // 10)
    step = max(1.0, len(found) / most)
    return tuple(found[int(number * step)] for number in range(min(len(found), most)))


def _rows(results: Iterable[Result]) -> list[list[Result]]:
    """One case on one device, oldest release first."""
    rows: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        rows[result.repro, result.case, result.device].append(result)
    return [sorted(row, key=lambda one: Version(one.tensorflow)) for row in rows.values()]


def _odd(row: Sequence[Result]) -> list[Result]:
    return [
        one
        for before, one, after in zip(row, row[1:], row[2:])
        if _finding(one) is not None
        and _finding(one) != _finding(before) == _finding(after) is not None
        and one.attempts == 1
        and not _foretold(one)
    ]


def _finding(result: Result) -> Optional[tuple[object, ...]]:
    """What neighbours are compared by; None where nobody looked, or nothing could be judged."""
    if result.inferred or not result.outcome.verdict.judged:
        return None
    return result.outcome.finding


def _foretold(result: Result) -> bool:
    return result.expected is not None and not result.unexpected
