"""Describes the differences between two runs, in words and as JSON for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional

from runner.machine.units import count
from runner.model import Outcome, Run
from runner.report.text import clean, value_text
from runner.runs.compare import ComparedCell, Comparison, ObservedDifference, OutcomeDifference
from runner.serial.plain import plain

KINDS = ("changed", "came", "went")
NOT_THERE = "not there"
SCHEMA = 1


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """The text of a comparison: cells that differ, then values, then the number compared."""
    for kind in KINDS:
        yield from _section(kind, [c for c in comparison.changes if c.kind == kind])
    yield from _values(comparison.observed)
    if comparison.inferred:
        verb = "was" if comparison.inferred == 1 else "were"
        cells = count(comparison.inferred, "cell")
        yield f"{cells} {verb} only inferred in one of the runs: not compared"
    if comparison.only_one:
        both = count(comparison.common, "cell")
        yield f"{both} in both runs, {comparison.only_one} in one of them only"
    verb = "agrees" if comparison.agreeing == 1 else "agree"
    unjudged = f" ({comparison.unjudged} of them not judged)" if comparison.unjudged else ""
    yield (
        f"{count(comparison.agreeing, 'cell')} {verb} in outcome and signature{unjudged}, "
        f"{len(comparison.changes)} differ"
    )


def comparison_data(before: Run, after: Run, comparison: Comparison) -> dict[str, Any]:
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
    }


def _place(where: ComparedCell) -> dict[str, Optional[str]]:
    return {**where._asdict(), "python": where.python or None}


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


def _words(outcome: Optional[Outcome]) -> str:
    if outcome is None:
        return NOT_THERE
    return clean(f"{outcome.verdict}" + (f" ({outcome.signature})" if outcome.signature else ""))
