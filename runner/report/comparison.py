"""Describes the differences between two runs, in words and as JSON for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Optional

from attrs import evolve

from runner.machine.units import count
from runner.model import Json, KeptFile, Outcome, Run
from runner.report.text import clean, value_text
from runner.runs.compare import ComparedCell, Comparison, ObservedDifference, OutcomeDifference
from runner.runs.compare_files import FileComparison, FileDifference
from runner.runs.contents import Difference
from runner.serial.plain import plain

KINDS = ("changed", "came", "went")
NOT_THERE = "not there"
SCHEMA = 1
NO_FILES = FileComparison()
MOST_FILES = 100
"""The most files in the text; the JSON document has all."""
_MOST_VALUE = 2000
"""The longest value of a file in the JSON document, in characters."""
_SHOWN, _SHARED = 60, 12
"""The longest value in the text, and what two long values show of the beginning that they share."""


def comparison_lines(comparison: Comparison, files: FileComparison = NO_FILES) -> Iterator[str]:
    """The text of a comparison: cells that differ, then values and files, then the number
    compared."""
    for kind in KINDS:
        yield from _section(kind, [c for c in comparison.changes if c.kind == kind])
    yield from _values(comparison.observed)
    yield from _files(files)
    if comparison.inferred:
        verb = "was" if comparison.inferred == 1 else "were"
        cells = count(comparison.inferred, "cell")
        yield f"{cells} {verb} only inferred in one of the runs: not compared"
    if comparison.only_one:
        both = count(comparison.common, "cell")
        yield f"{both} in both runs, {comparison.only_one} in one of them only"
    agreeing = comparison.agreeing - comparison.unjudged
    verb = "agrees" if agreeing == 1 else "agree"
    line = f"{count(agreeing, 'cell')} {verb} in outcome and signature"
    unjudged = f"; {comparison.unjudged} not judged in either" if comparison.unjudged else ""
    yield f"{line}, {len(comparison.changes)} differ{unjudged}"


def comparison_data(
    before: Run, after: Run, comparison: Comparison, files: FileComparison = NO_FILES
) -> dict[str, Any]:
    """The JSON document that docs/json.md describes."""
    return {
        "schema": SCHEMA,
        "before": before.info.id,
        "after": after.info.id,
        "cells": {
            "common": comparison.common,
            "agreeing": comparison.agreeing,
            "only_before": comparison.only_before,
            "only_after": comparison.only_after,
            "inferred": comparison.inferred,
        },
        "changes": [
            {
                **_place(change.where),
                "kind": change.kind,
                "before": _outcome(change.before),
                "after": _outcome(change.after),
            }
            for change in comparison.changes
        ],
        "observations": [
            {
                **_place(one.where),
                "name": one.name,
                "kind": one.kind,
                "before": plain(one.before),
                "after": plain(one.after),
            }
            for one in comparison.observed
        ],
        "files": [
            {
                **_place(one.where),
                "name": one.name,
                "kind": one.kind,
                "before": plain(one.before),
                "after": plain(one.after),
                "difference": None if one.content is None else _difference(one.content),
                "incomplete": one.incomplete,
            }
            for one in files.differences
        ],
        "equal_files": files.equal,
        "close_files": files.close,
    }


def _place(where: ComparedCell) -> dict[str, Optional[str]]:
    return {**where._asdict(), "python": where.python or None}


def _difference(content: Difference) -> Json:
    ends = (content.before, content.after)
    before, after = (
        value
        if len(value_text(value, _MOST_VALUE + 1)) <= _MOST_VALUE
        else value_text(value, _MOST_VALUE)
        for value in ends
    )
    return plain(evolve(content, before=before, after=after))


def _outcome(outcome: Optional[Outcome]) -> Optional[dict[str, Optional[str]]]:
    if outcome is None:
        return None
    return {"outcome": outcome.verdict.value, "signature": outcome.signature}


def _section(kind: str, changes: Sequence[OutcomeDifference]) -> Iterator[str]:
    if changes:
        yield f"{kind}:"
        for change in changes:
            before, after = _words(change.before), _words(change.after)
            yield f"  {clean(str(change.where))}: {before} → {after}"


def _values(observed: Iterable[ObservedDifference]) -> Iterator[str]:
    differing = list(observed)
    if differing:
        yield "observations that differ where outcome and signature agree:"
        for one in differing:
            place = clean(f"{one.where}: {one.name}")
            before = NOT_THERE if one.kind == "came" else value_text(one.before)
            after = NOT_THERE if one.kind == "went" else value_text(one.after)
            yield f"  {place}: {before} → {after}"


def _files(files: FileComparison) -> Iterator[str]:
    found = files.differences
    if found:
        yield "files in out/ that differ:"
        for one in found[:MOST_FILES]:
            left_out = " (of this cell, not all files were kept)" if one.incomplete else ""
            yield f"  {clean(f'{one.where}: {one.name}')}: {_change(one)}{left_out}"
        if len(found) > MOST_FILES:
            yield f"  and {len(found) - MOST_FILES} more; --format json names all"
    if files.equal or files.close or found:
        close = f", {files.close} within the tolerance" if files.close else ""
        verb = "is" if files.equal == 1 else "are"
        yield f"{count(files.equal, 'file')} in out/ {verb} equal{close}, {len(found)} differ"


def _change(file: FileDifference) -> str:
    content = file.content
    if content is None:
        return f"{_size(file.before)} → {_size(file.after)}"
    where = f"{clean(content.place)}: " if content.place else ""
    before, after = _telling(content.before, content.after)
    first = f"{where}{value_text(before, _SHOWN)} → {value_text(after, _SHOWN)}"
    if content.differing < 2:
        return first
    return f"{content.differing:,} of {content.values:,} values differ, first {first}"


def _telling(before: Json, after: Json) -> tuple[Json, Json]:
    """Two texts, without most of a long beginning that they share."""
    if not isinstance(before, str) or not isinstance(after, str):
        return before, after
    shared = (
        sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after))) - _SHARED
    )
    if shared <= 0 or max(len(before), len(after)) < _SHOWN:
        return before, after
    return f"…{before[shared:]}", f"…{after[shared:]}"


def _size(file: Optional[KeptFile]) -> str:
    if file is None:
        return NOT_THERE
    return f"{file.size:,} bytes ({clean(file.sha256[:12])})"


def _words(outcome: Optional[Outcome]) -> str:
    if outcome is None:
        return NOT_THERE
    return clean(f"{outcome.verdict}" + (f" ({outcome.signature})" if outcome.signature else ""))
