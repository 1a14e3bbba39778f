"""The words of a history, for all its formats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runner.machine.units import count
from runner.report import style
from runner.report.text import clean, listed, shortened
from runner.runs.causes import Cause
from runner.runs.history import CellName, Circumstance, OutcomeChange, ReproHistory, RunSummary

HEADER = ("run", "started", "engine", "cells", "changed", "what else was different")
UNEXPLAINED = "nothing that is recorded was different: it may be flaky"
MOST = 8
"""The longest list in one line."""
WHOLE = ("script", "files", "engine", "machine", "tool")
"""Circumstances of a whole run, not of single cells."""


class SharedChange(NamedTuple):
    """Cells that changed in the same way."""

    said: str
    cells: str


class ChangeGroup(NamedTuple):
    """Changes that share their circumstances."""

    since: str
    why: str
    turns: tuple[SharedChange, ...]


def run_rows(line: ReproHistory) -> list[tuple[str, ...]]:
    """A row for each run, under `HEADER`."""
    return [
        (
            clean(step.run),
            clean(step.started.replace("T", " ").replace("Z", "")),
            clean(step.engine),
            _cells(step),
            "first" if not number else str(len(step.changes)),
            circumstances_in_words(step.shifts),
        )
        for number, step in enumerate(line.steps)
    ]


def _cells(step: RunSummary) -> str:
    """`18, 8 inferred, interrupted`"""
    inferred = f"{step.inferred} inferred" if step.inferred else ""
    return ", ".join(
        filter(None, (f"{step.cells}", inferred, "" if step.finished else "interrupted"))
    )


def circumstances_in_words(shifted: Iterable[Circumstance]) -> str:
    """`the script, numpy 1.16.4 → 1.16.5 in 32 cells and TensorFlow in 16 cells`."""
    by_what: dict[tuple[str, str], list[Circumstance]] = {}
    for shift in shifted:
        by_what.setdefault((shift.cause.kind, shift.cause.what), []).append(shift)
    whole_first = sorted(by_what, key=lambda named: named[0] not in WHOLE)
    return listed([_shift(by_what[named]) for named in whole_first], MOST)


def _shift(several: Sequence[Circumstance]) -> str:
    cause = several[0].cause
    named = cause_in_words(cause) if len(several) == 1 else clean(cause.what)
    if cause.kind in WHOLE:
        return named
    return f"{named} in {count(sum(shift.cells for shift in several), 'cell')}"


def cause_in_words(cause: Cause) -> str:
    """`numpy 1.16.4 → 1.16.5`, `the script`, `h5py 3.1.0 came`."""
    what = clean(cause.what)
    if cause.kind == "script":
        return "the script"
    if cause.kind == "files":
        return "files beside the script"
    if cause.before is None or cause.after is None:
        verb, value = ("came", cause.after) if cause.before is None else ("went", cause.before)
        return clean(f"{what} {shortened(value or '', 60)} {verb}")
    before, after = (shortened(value, 60) or "none" for value in (cause.before, cause.after))
    return f"{what} {before} → {after}"


def change_groups(step: RunSummary) -> list[ChangeGroup]:
    """A run's changes, grouped by their circumstances."""
    found: dict[tuple[str, str], list[OutcomeChange]] = {}
    for change in step.changes:
        found.setdefault((change.since, _why(change.causes)), []).append(change)
    return [
        ChangeGroup(since=clean(since), why=why, turns=tuple(_turns(changes)))
        for (since, why), changes in found.items()
    ]


def _why(causes: Sequence[Cause]) -> str:
    return listed([cause_in_words(cause) for cause in causes], MOST) or UNEXPLAINED


def _turns(changes: Iterable[OutcomeChange]) -> list[SharedChange]:
    """Changes of the same kind on the same releases, with the cases in which they happened."""
    places: dict[tuple[str, str], list[CellName]] = {}
    for change in changes:
        places.setdefault((change_in_words(change), change.where.case), []).append(change.where)
    cases: dict[tuple[str, str], list[str]] = {}
    for (said, case), wheres in places.items():
        cases.setdefault((said, _places(wheres)), []).append(clean(case))
    return [
        SharedChange(said=said, cells=f"{listed(names, MOST)} on {places_}")
        for (said, places_), names in cases.items()
    ]


def change_in_words(change: OutcomeChange) -> str:
    """`pass → fail (ValueError: no)`. A part that both sides share is written once."""
    before, after = change.before, change.after
    old, new = style.WORDS[before.verdict].label, style.WORDS[after.verdict].label
    if before.verdict is after.verdict:
        return f"{old}: {_signature(before.signature)} → {_signature(after.signature)}"
    if before.signature == after.signature:
        return f"{old} → {new}" + (f" ({_signature(after.signature)})" if after.signature else "")
    old += f" ({_signature(before.signature)})" if before.signature else ""
    return f"{old} → {new}" + (f" ({_signature(after.signature)})" if after.signature else "")


def _signature(signature: object) -> str:
    return shortened(str(signature), 160) if signature else "no signature"


def _places(wheres: Sequence[CellName]) -> str:
    """`2.9.3, 2.10.1 and 4 more cpu`."""
    parts = []
    for device in dict.fromkeys(where.device for where in wheres):
        names = [f"{w.tensorflow} {w.variant}" for w in wheres if w.device == device]
        parts.append(f"{listed([clean(name) for name in names], MOST)} {clean(device)}")
    return "; ".join(parts)
