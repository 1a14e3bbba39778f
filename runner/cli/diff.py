"""`tfmatrix diff`: what changed between two runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

import click

from runner import paths
from runner.cli import completion
from runner.grid.tolerance import TOLERANCE
from runner.model import Outcome
from runner.report.text import clean, count, value
from runner.runs import compare, journal
from runner.runs.compare import Change, Comparison, Observed

KINDS = ("changed", "came", "went")
NOT_THERE = "not there"


def _finite(_: click.Context, __: click.Parameter, given: Optional[float]) -> Optional[float]:
    if given is not None and not math.isfinite(given):
        raise click.BadParameter(f"{given} is no distance; expected a number, such as 1e-3")
    return given


@click.command(
    "diff",
    help="Show what changed between two runs. Exits 1 when an outcome or a signature did, "
    "a cell came or went; with --observations, when a value did, too.",
)
@click.argument("before", shell_complete=completion.runs)
@click.argument("after", shell_complete=completion.runs)
@click.option("--observations", is_flag=True, help="Observed values that differ count, too.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="Relative: numbers closer than this are the same. Default: "
    f"{TOLERANCE:g} for decimals, and integers exactly.",
)
def command(before: str, after: str, observations: bool, tolerance: Optional[float]) -> int:
    runs = [
        journal.read(
            journal.find(name, paths.results()), warn=lambda line: click.echo(line, err=True)
        )
        for name in (before, after)
    ]
    comparison = compare.compare_runs(runs[0], runs[1], tolerance)
    click.echo("\n".join(words(comparison)))
    return 1 if comparison.changes or (observations and comparison.observed) else 0


def words(comparison: Comparison) -> Iterator[str]:
    for kind in KINDS:
        yield from _section(kind, [c for c in comparison.changes if c.kind == kind])
    yield from _values(comparison.observed)
    if comparison.inferred:
        are = "cell was" if comparison.inferred == 1 else "cells were"
        yield f"{comparison.inferred} {are} only inferred in one of the runs: not compared"
    if comparison.only_one:
        both = count(comparison.common, "cell")
        yield f"{both} in both runs, {comparison.only_one} in one of them only"
    yield (
        f"{comparison.agreeing} cells agree in outcome and signature, "
        f"{len(comparison.changes)} differ"
    )


def _section(kind: str, changes: Sequence[Change]) -> Iterator[str]:
    if changes:
        yield f"{kind}:"
        for change in changes:
            before, after = _words(change.before), _words(change.after)
            yield f"  {clean(str(change.where))}: {before} → {after}"


def _values(observed: Iterable[Observed]) -> Iterator[str]:
    differing = list(observed)
    if differing:
        yield "observations that differ where outcome and signature agree:"
        for one in differing:
            place = clean(f"{one.where}: {one.name}")
            before = NOT_THERE if one.kind == "came" else value(one.before)
            after = NOT_THERE if one.kind == "went" else value(one.after)
            yield f"  {place}: {before} → {after}"


def _words(outcome: Optional[Outcome]) -> str:
    if outcome is None:
        return NOT_THERE
    return clean(f"{outcome.verdict}" + (f" ({outcome.signature})" if outcome.signature else ""))
