"""The report's hidden block: what it says, for programs. docs/report-block.md has its schema."""

from __future__ import annotations

import json
from typing import Any

from runner.grid import PASS, Column, Grid, folded
from runner.grid.folded import FoldedCase, FoldedTable
from runner.report.text import shortened

SCHEMA = 1
MOST_NAMES = 500
MOST_SIGNATURE = 600
OPEN, CLOSE = "<!-- tfmatrix report ", " -->"
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "-": "\\u002d", "&": "\\u0026"}


def block(grid: Grid) -> str:
    """An HTML comment with JSON in it, which GitHub does not show and nothing in it can end."""
    text = json.dumps(_data(grid), separators=(",", ":"))
    return f"{OPEN}{''.join(ESCAPES.get(each, each) for each in text)}{CLOSE}"


def _data(grid: Grid) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "run": grid.run.info.id,
        "tool_version": grid.run.info.tool_version,
        "engine": grid.run.info.engine,
        **({"along": grid.run.info.along} if grid.run.info.along else {}),
        "findings": [
            _finding(grid, table, lines) for table in folded.tables(grid) for lines in table.lines
        ],
        "environments": {each.id: each.key for each in grid.run.environments},
    }


def _finding(grid: Grid, table: FoldedTable, lines: tuple[FoldedCase, ...]) -> dict[str, Any]:
    """Of cases that end alike, in the usual way: the last change between passing and not."""
    row = next(iter(lines[0].rows.values()))
    judged = [
        (column, finding)
        for column in grid.lanes[table.device]
        if (finding := grid.mark(row, column).finding) is not None
    ]
    passing = [column for column, finding in judged if finding == PASS]
    failing = [column for column, finding in judged if finding != PASS]
    turns = [
        (one, other)
        for one, other in zip(judged, judged[1:])
        if (one[1] == PASS) != (other[1] == PASS)
    ]
    letters = dict.fromkeys(finding for _, finding in judged if finding != PASS)
    last = turns[-1] if turns else None
    return {
        "repro": shortened(table.repro, 200),
        "device": table.device,
        "cases": [shortened(line.name, 200) for line in lines[:MOST_NAMES]],
        "passes": len(passing),
        "fails": len(failing),
        "before": last and _side(*last[0]),
        "after": last and _side(*last[1]),
        "changes": len(turns),
        "signatures": [
            shortened(grid.entries[letter].signature, MOST_SIGNATURE) for letter in letters
        ],
    }


def _side(column: Column, finding: str) -> dict[str, Any]:
    value = {"value": column.value} if column.value else {}
    return {"tensorflow": column.tensorflow, **value, "passes": finding == PASS}
