"""A history as JSON, for other programs."""

from __future__ import annotations

from typing import Any

from runner.model import Outcome
from runner.runs.causes import Cause
from runner.runs.history import History, OutcomeChange, ReproHistory, RunSummary

SCHEMA = 1


def history_data(history: History) -> dict[str, Any]:
    return {"schema": SCHEMA, "repros": [_line(line) for line in history.lines]}


def _line(line: ReproHistory) -> dict[str, Any]:
    return {
        "repro": line.repro,
        "script": line.script,
        "runs": [_step(step) for step in line.steps],
    }


def _step(step: RunSummary) -> dict[str, Any]:
    return {
        "run": step.run,
        "started": step.started,
        "finished": step.finished,
        "engine": step.engine,
        "cells": step.cells,
        "inferred": step.inferred,
        "counts": {verdict.value: number for verdict, number in step.counts.items()},
        "new": step.new,
        "changes": [_change(change) for change in step.changes],
        "different": [{**_cause(shift.cause), "cells": shift.cells} for shift in step.shifts],
    }


def _change(change: OutcomeChange) -> dict[str, Any]:
    return {
        **change.where._asdict(),
        "before": _outcome(change.before),
        "after": _outcome(change.after),
        "since": change.since,
        "inferred": False,  # inferred cells are not compared
        "different": [_cause(cause) for cause in change.causes],
    }


def _outcome(said: Outcome) -> dict[str, Any]:
    return {"outcome": said.verdict.value, "signature": said.signature}


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "what": cause.what,
        "before": cause.before,
        "after": cause.after,
    }
