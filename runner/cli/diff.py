"""`tfmatrix diff`: what changed between two runs."""

from __future__ import annotations

from typing import Optional

import click

from runner import compare, journal, paths
from runner.model import Outcome


@click.command("diff", help="Show what changed between two runs. Exits 1 when something did.")
@click.argument("before")
@click.argument("after")
def command(before: str, after: str) -> int:
    runs = [
        journal.read(
            journal.find(name, paths.results()), warn=lambda line: click.echo(line, err=True)
        )
        for name in (before, after)
    ]
    comparison = compare.runs(*runs)
    for change in comparison.changes:
        where = f"{change.repro}/{change.case} on {change.tensorflow} {change.device}"
        click.echo(f"{where}: {_words(change.before)} → {_words(change.after)}")
    click.echo(
        f"{comparison.agreeing} cells agree in outcome and signature, "
        f"{len(comparison.changes)} differ"
    )
    return 1 if comparison.changes else 0


def _words(outcome: Optional[Outcome]) -> str:
    if outcome is None:
        return "not there"
    return f"{outcome.verdict}" + (f" ({outcome.signature})" if outcome.signature else "")
