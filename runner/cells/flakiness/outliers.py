"""Finds cells that differ from both neighbours while these two agree. Pure.

Such a cell shows a bug of one release, or it is random. People act on it, so it is measured again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from packaging.version import Version

from runner.model import Result

FEW = 20
"""Any run may take this many second looks; a large run may take a tenth of its cells."""


def outliers(results: Sequence[Result]) -> tuple[Result, ...]:
    """The cells to measure again; if there are too many, an evenly spread part of them.

    Without cells that were already measured twice, cells that end as matrix.yaml expects, and the
    ends of a row, which have only one neighbour.
    """
    found = [one for row in _rows(results) for one in _odd(row)]
    most = max(FEW, len(results) // 10)
    step = max(1.0, len(found) / most)
    return tuple(found[int(number * step)] for number in range(min(len(found), most)))


def _rows(results: Iterable[Result]) -> list[list[Result]]:
    """The results of each case on each device, oldest release first."""
    rows: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        rows[result.repro, result.case, result.device].append(result)
    return [sorted(row, key=lambda one: Version(one.tensorflow)) for row in rows.values()]


def _odd(row: Sequence[Result]) -> list[Result]:
    return [
        one
        for before, one, after in zip(row, row[1:], row[2:])
        if all(_is_evidence(each) for each in (before, one, after))
        and one.outcome.finding != before.outcome.finding == after.outcome.finding
        and one.attempts == 1
        and not _foretold(one)
    ]


def _is_evidence(result: Result) -> bool:
    """Whether the cell was measured and could be judged."""
    return not result.inferred and result.outcome.verdict.judged


def _foretold(result: Result) -> bool:
    return result.expected is not None and not result.unexpected
