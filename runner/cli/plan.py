"""`tfmatrix plan`: prints the cells without running any."""

from __future__ import annotations

import json
from typing import Any

import click

from runner.cli.formats import formats
from runner.cli.grammar import ScriptCommand
from runner.cli.options import selecting
from runner.cli.selected import select
from runner.machine.units import count
from runner.model import Cell
from runner.report import text


@click.command("plan", cls=ScriptCommand, help="Print the cells without running any.")
@selecting
@formats(
    "table", "json", "github", default="table", help="github: a job matrix for GitHub Actions."
)
def command(format_: str, **selection: Any) -> None:
    cells = select(**selection).cells
    click.echo({"table": table, "json": as_json, "github": github}[format_](cells))


def table(cells: tuple[Cell, ...]) -> str:
    rows = [
        (
            cell.repro.name,
            cell.case.name,
            cell.target.label,
            _what(cell),
            str(cell.expected.verdict) if cell.expected else "",
        )
        for cell in cells
    ]
    rows.insert(0, ("repro", "case", "environment", "what", "expected"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows
    ]
    skipped = sum(cell.skip is not None for cell in cells)
    lacking = sum(cell.skip is None and cell.lacks is not None for cell in cells)
    running = len(cells) - skipped - lacking
    without = f", {lacking} that cannot run" if lacking else ""
    lines.append(
        f"{count(len(cells), 'cell')}, {running} to run, {skipped} skipped by rule{without}"
    )
    return text.safe_message("\n".join(lines))


def _what(cell: Cell) -> str:
    if cell.skip:
        return f"skip: {cell.skip}"
    return f"error: {cell.lacks}" if cell.lacks else "run"


def as_json(cells: tuple[Cell, ...]) -> str:
    return text.inert_json(json.dumps([_fields(cell) for cell in cells], indent=2))


def github(cells: tuple[Cell, ...]) -> str:
    """A job matrix for GitHub Actions (`matrix: ${{ fromJSON(…) }}`), one job per environment.

    An environment whose cells are all skipped by a rule has a job too, so that the merged report
    shows the skips.
    """
    jobs = dict.fromkeys((c.target.release.version, c.target.device.value) for c in cells)
    include = [{"tensorflow": version, "device": device} for version, device in jobs]
    return json.dumps({"include": include})


def _fields(cell: Cell) -> dict[str, Any]:
    return {
        "repro": cell.repro.name,
        "case": cell.case.name,
        "args": list(cell.case.args),
        "variant": cell.case.variant.name,
        "tensorflow": cell.target.release.version,
        "python": cell.target.python,
        "device": cell.target.device.value,
        "environment": cell.target.label,
        "skip": cell.skip,
        "lacks": cell.lacks,
        "expected": cell.expected.verdict.value if cell.expected else None,
    }
