"""The report's hidden block: its answer as data for programs (schema: docs/report-block.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Optional, Union

from attrs import field, frozen

from runner import serial
from runner.grid import PASS, Column, Grid, Mark
from runner.grid.folded import FoldedCase, FoldedTable
from runner.model import Case, Repro, Whole
from runner.report import text
from runner.report.context import Context
from runner.report.text import shortened

SCHEMA = 1
MOST_NAMES = 500
MOST_SIGNATURE = 600
MOST_MATRIX = 20_000
"""The longest matrix, in characters of JSON: it must leave room for what people read."""
WIDEST_LINE = 2_000
"""The longest line of a script that a report shows, in characters."""
OPEN, CLOSE = "<!-- tfmatrix report ", " -->"
ESCAPES = (
    *(("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("--", "-\\u002d")),
    ("##[", "##\\u005b"),  # a workflow's log would run it as a command
)


@frozen(kw_only=True)
class ChangeSide:
    """One side of a change between passing and not."""

    tensorflow: str
    value: str = ""
    """The release of the package that the columns vary; empty if they vary TensorFlow."""
    passes: bool


@frozen(kw_only=True)
class Finding:
    """The results of cases that end alike on one device, without variants."""

    repro: str
    device: str
    cases: tuple[str, ...]
    passes: Whole
    fails: Whole
    before: Optional[ChangeSide] = None
    after: Optional[ChangeSide] = None
    """The two sides of the last change between passing and not."""
    changes: Whole
    signatures: tuple[str, ...]
    outcomes: tuple[tuple[Whole, Union[str, Whole]], ...] = ()
    """Pairs along the device's releases: how many releases, and their outcome. An outcome is
    `pass`, `skip`, `error`, `none` (not measured), or the index of a signature."""


@frozen(kw_only=True)
class Block:
    schema: Whole
    run: str
    tool_version: str
    engine: str
    along: str = ""
    """The package that the columns vary; empty if they vary TensorFlow."""
    findings: tuple[Finding, ...]
    environments: Mapping[str, str]
    """Name → key."""
    releases: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Device → the releases of `outcomes`, in order."""
    matrix: Optional[Mapping[str, Any]] = None
    """The run as a matrix.yaml, without variants. None if there are too many cases, or if the
    columns vary another package."""
    scripts: Mapping[str, str] = field(factory=dict)
    """Repro → `script_digest` of its script, if the report shows the whole script."""
    allow_no_tensorflow: bool = False


def hidden_block(context: Context) -> str:
    """An HTML comment that holds JSON. GitHub does not show it; no text in the JSON can end it."""
    data = json.dumps(serial.plain(block_contents(context)), separators=(",", ":"))
    for plain, escaped in ESCAPES:
        data = data.replace(plain, escaped)
    return f"{OPEN}{data}{CLOSE}"


def block_contents(context: Context) -> Block:
    grid, info = context.grid, context.run.info
    return Block(
        schema=SCHEMA,
        run=info.id,
        tool_version=info.tool_version,
        engine=info.engine,
        along=info.along,
        findings=tuple(
            _finding(grid, table, lines) for table in grid.folded for lines in table.lines
        ),
        environments={each.id: each.key for each in context.run.environments},
        releases={
            device: tuple(column.tensorflow for column in lane)
            for device, lane in grid.lanes.items()
        },
        matrix=_matrix(context),
        scripts=dict(_scripts(context.extras.scripts)),
        allow_no_tensorflow=not all(repro.needs_tensorflow for repro in context.run.repros),
    )


def script_digest(source: str) -> str:
    """The digest of a script as the report shows it. So what readers see is what runs again."""
    return hashlib.sha256("\n".join(text.log_lines(source, 0, WIDEST_LINE)).encode()).hexdigest()


def _scripts(scripts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for repro, source in scripts.items():
        if source and all(len(line) <= WIDEST_LINE for line in source.splitlines()):
            yield repro, script_digest(source)


def _matrix(context: Context) -> Optional[dict[str, Any]]:
    repros = context.run.repros
    if context.run.info.along or sum(len(repro.cases) for repro in repros) > MOST_NAMES:
        return None
    matrix = {
        "tf": list(dict.fromkeys(column.tensorflow for column in context.grid.columns)),
        "devices": list(context.grid.lanes),
        "repros": [_repro(repro) for repro in repros],
    }
    return matrix if len(json.dumps(matrix)) <= MOST_MATRIX else None


def _repro(repro: Repro) -> dict[str, Any]:
    limits = repro.limits
    return {
        "name": repro.name,
        "script": repro.script.name,
        "cases": [_case(case) for case in repro.cases if not case.variant.name],
        "limits": {"timeout": limits.timeout, "memory": limits.memory},
        "env": dict(repro.env),
        "requirements": {spec: list(packages) for spec, packages in repro.requirements.items()},
    }


def _case(case: Case) -> dict[str, Any]:
    return {"name": case.name, "args": list(case.args)}


def _finding(grid: Grid, table: FoldedTable, lines: tuple[FoldedCase, ...]) -> Finding:
    row = next(iter(lines[0].rows.values()))
    lane = grid.lanes[table.device]
    marks = [grid.mark(row, column) for column in lane]
    judged = [
        (column, finding)
        for column, mark in zip(lane, marks)
        if (finding := mark.finding) is not None
    ]
    turns = [
        (one, other)
        for one, other in zip(judged, judged[1:])
        if (one[1] == PASS) != (other[1] == PASS)
    ]
    letters = list(dict.fromkeys(finding for _, finding in judged if finding != PASS))
    before, after = map(_side, turns[-1]) if turns else (None, None)
    return Finding(
        repro=shortened(table.repro, 200),
        device=table.device,
        cases=tuple(shortened(line.name, 200) for line in lines[:MOST_NAMES]),
        passes=sum(finding == PASS for _, finding in judged),
        fails=sum(finding != PASS for _, finding in judged),
        before=before,
        after=after,
        changes=len(turns),
        signatures=tuple(
            shortened(grid.entries[letter].signature, MOST_SIGNATURE) for letter in letters
        ),
        outcomes=tuple(_counted(_outcome(mark, letters) for mark in marks)),
    )


def _side(judged: tuple[Column, str]) -> ChangeSide:
    column, finding = judged
    return ChangeSide(tensorflow=column.tensorflow, value=column.value, passes=finding == PASS)


def _outcome(mark: Mark, letters: list[str]) -> Union[str, int]:
    if mark.finding is None:
        unjudged = mark.verdict is not None and not mark.verdict.judged
        return str(mark.verdict) if unjudged else "none"
    return PASS if mark.finding == PASS else letters.index(mark.finding)


def _counted(outcomes: Iterable[Union[str, int]]) -> Iterator[tuple[int, Union[str, int]]]:
    for outcome, group in groupby(outcomes):
        yield len(list(group)), outcome
