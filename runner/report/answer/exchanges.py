"""Clauses about files that one release saved and another loads.

2.16 and newer cannot load what 2.15 and older saved as .h5 (TypeError: …); 20 of 36 pairs load
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from attrs import frozen

from runner.grid import Column, Row
from runner.machine.units import count
from runner.report import places
from runner.report.answer.lane import MOST_SIGNATURE, ReproOnDevice
from runner.report.text import shortened

MOST_BLOCKS = 4
"""At most this many groups of failures have a clause."""


@frozen(kw_only=True)
class Block:
    """Releases none of which can load what any of some releases saved."""

    savers: tuple[Column, ...]
    loaders: tuple[Column, ...]

    @property
    def size(self) -> int:
        return len(self.savers) * len(self.loaders)


def is_square(lane: ReproOnDevice) -> bool:
    """Whether each row loads what one of the columns' releases saved."""
    return {row.saver for row in lane.rows} <= {column.tensorflow for column in lane.columns}


def exchange_clauses(lane: ReproOnDevice) -> str:
    """The failures, most first; then how much loads, and what could not be judged."""
    judged = sum(_judged(lane, row, column) for row in lane.rows for column in lane.columns)
    blocks = sorted(_blocks(lane), key=lambda block: -block.size)
    failed = sum(block.size for block in blocks)
    word, unjudged = _format_word(lane), list(_unjudged(lane))
    if not blocks:
        who = "each release that could be judged" if unjudged else "every release"
        return "; ".join([f"{who} loads what {_savers(lane)} saved{word}", *unjudged])
    shown = blocks[:MOST_BLOCKS]
    said = [_cannot(lane, block, "" if number else word) for number, block in enumerate(shown)]
    left = sum(block.size for block in blocks[MOST_BLOCKS:])
    said += [f"{count(left, 'other pair')} {'fails' if left == 1 else 'fail'}"] if left else []
    said.append(f"{judged - failed or 'none'} of {count(judged, 'pair')} load")
    return "; ".join([*said, *unjudged])


def _savers(lane: ReproOnDevice) -> str:
    """`each`, if each release saved."""
    savers = {row.saver for row in lane.rows}
    columns = [column for column in lane.columns if column.tensorflow in savers]
    return "each" if len(columns) == len(lane.columns) else places.spans(columns, lane.columns)


def _format_word(lane: ReproOnDevice) -> str:
    """` as .h5`, if the script that loads is told the format in a word."""
    repro = next(each for each in lane.grid.run.repros if each.name == lane.rows[0].repro)
    words = " ".join(repro.cases[0].args) if repro.cases else ""
    return f" as {lane.quote(shortened(words, MOST_SIGNATURE))}" if words else ""


def _cannot(lane: ReproOnDevice, block: Block, word: str) -> str:
    several = len(lane.columns) > 1
    everybody = several and len(block.loaders) == len(lane.columns)
    who = "no release can" if everybody else f"{places.spans(block.loaders, lane.columns)} cannot"
    anything = several and len(block.savers) == len(lane.columns)
    whom = "any release" if anything else places.spans(block.savers, lane.columns)
    return f"{who} load what {whom} saved{word} ({_why(lane, block)})"


def _why(lane: ReproOnDevice, block: Block) -> str:
    """The usual signature in a block; how many others it has."""
    savers = {column.tensorflow for column in block.savers}
    rows = [row for row in lane.rows if row.saver in savers]
    letters = Counter(lane.mark(row, column).letter for row in rows for column in block.loaders)
    signature = lane.grid.entries[letters.most_common(1)[0][0]].signature
    others = f", or {count(len(letters) - 1, 'other failure')}" if len(letters) > 1 else ""
    return f"{lane.quote(shortened(signature, MOST_SIGNATURE))}{others}"


def _blocks(lane: ReproOnDevice) -> list[Block]:
    """All cells that failed, in blocks: by saver or by loader, whichever gives fewer."""
    columns = {column.tensorflow: column for column in lane.columns}
    pairs = [
        (columns[row.saver], column)
        for row in lane.rows
        for column in lane.columns
        if lane.mark(row, column).letter
    ]
    by_saver = [Block(savers=own, loaders=shared) for own, shared in _alike(pairs)]
    turned = [(loader, saver) for saver, loader in pairs]
    by_loader = [Block(savers=shared, loaders=own) for own, shared in _alike(turned)]
    return min(by_loader, by_saver, key=len)


def _alike(
    pairs: Sequence[tuple[Column, Column]],
) -> list[tuple[tuple[Column, ...], tuple[Column, ...]]]:
    """Those first in pairs that share all their second ones, each with these."""
    seconds: dict[Column, list[Column]] = defaultdict(list)
    for first, second in pairs:
        seconds[first].append(second)
    groups: dict[tuple[Column, ...], list[Column]] = defaultdict(list)
    for first, shared in seconds.items():
        groups[tuple(sorted(shared, key=_index))].append(first)
    return [(tuple(sorted(own, key=_index)), shared) for shared, own in groups.items()]


def _index(column: Column) -> int:
    return column.index


def _unjudged(lane: ReproOnDevice) -> Iterator[str]:
    """`what 2.11 and older saved could not be judged (not saved as .keras: …)`."""
    lost = {row.index: [c for c in lane.columns if not _judged(lane, row, c)] for row in lane.rows}
    whole = [row for row in lane.rows if len(lost[row.index]) == len(lane.columns)]
    columns = {column.tensorflow: column for column in lane.columns}
    if whole:
        reason = _usual_reason(lane, whole)
        whom = places.spans([columns[row.saver] for row in whole], lane.columns)
        yield f"nothing that {whom} saved could be judged{f' ({reason})' if reason else ''}"
    cells = sum(len(lost[row.index]) for row in lane.rows if row not in whole)
    if cells:
        yield f"{count(cells, 'pair')} could not be judged"


def _judged(lane: ReproOnDevice, row: Row, column: Column) -> bool:
    verdict = lane.mark(row, column).verdict
    return verdict is not None and verdict.judged


def _usual_reason(lane: ReproOnDevice, rows: Sequence[Row]) -> str:
    cells = (lane.grid.cell(row, column) for row in rows for column in lane.columns)
    reasons = Counter(cell.outcome.reason for cell in cells if cell and cell.outcome.reason)
    for reason, _ in reasons.most_common(1):
        return lane.quote(shortened(reason, MOST_SIGNATURE))
    return ""
