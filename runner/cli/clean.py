"""`tfmatrix clean`: removes what this tool made; nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Optional

import click

from runner import engines
from runner.errors import TfmatrixError
from runner.machine import claims, items, temporary, units
from runner.upkeep import clean, inventory


@click.command(
    "clean",
    help="Remove images, environments and caches that this tool made; nothing else. "
    "Whatever a running run uses is kept.",
)
@click.option("--older-than", metavar="AGE", help="Only what was not used for 12h, 30d, 8w.")
@click.option(
    "--max-size", metavar="SIZE", help="Least recently used first, until SIZE (20GB) is left."
)
@click.option(
    "--runs",
    is_flag=True,
    help="Runs in results/ too (never results/reference, nor one that --output named).",
)
@click.option(
    "--keep-runs",
    type=click.IntRange(min=0),
    metavar="N",
    help="As --runs, but for the newest N.",
)
@click.option(
    "--thin-runs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only thin results/: the newest N runs stay whole, of the others the journal stays, from "
    "which `tfmatrix report` makes the reports again, without logs.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask, on a terminal either.")
def command(
    older_than: Optional[str],
    max_size: Optional[str],
    runs: bool,
    keep_runs: Optional[int],
    thin_runs: Optional[int],
    dry_run: bool,
    yes: bool,
) -> int:
    temporary.sweep()
    age = None if older_than is None else units.parse_age(older_than)
    size = None if max_size is None else units.parse_size(max_size)
    keep = 0 if runs and keep_runs is None else keep_runs
    made = list(_made(age) if thin_runs is None else inventory.thinnable(thin_runs, keep))
    if keep is not None:
        made += inventory.runs(keep)
    with claims.claims_settled() as held:
        used = [item for item in made if held.covers(item)]
    items = clean.chosen(made, now=time.time(), older_than=age, max_size=size, in_use=held.covers)
    click.echo("".join(f"{line}\n" for line in _listing(items, used, time.time())), nl=False)
    if not items:
        click.echo("there is nothing to remove")
        return 0
    if dry_run:
        click.echo(f"would remove {_total(items)}")
        return 0
    if not yes and sys.stdin.isatty() and not click.confirm(f"remove {_total(items)}?"):
        return 0
    return _remove_all(items)


def _made(age: Optional[timedelta]) -> Iterator[items.Removable]:
    for name in engines.ENGINES:
        engine = engines.create(name)
        if engine.unavailable() is None:
            yield from engine.inventory()
    yield from inventory.caches()
    if age is not None:
        yield from inventory.outcomes(age)


def _listing(
    items: Sequence[items.Removable], used: Sequence[items.Removable], now: float
) -> Iterator[str]:
    for item in items:
        ago = units.time_ago(now - item.last_used)
        yield f"{item.kind:<12} {units.size_text(item.size):>9} {ago:>7}  {item.name}"
    if used:
        yield f"kept, since a running run uses them: {_total(used)}"


def _total(items: Sequence[items.Removable]) -> str:
    things = "1 item" if len(items) == 1 else f"{len(items)} items"
    return f"{things}, {units.size_text(sum(item.size for item in items))}"


def _remove_all(items: Sequence[items.Removable]) -> int:
    removed = [item for item in items if _remove(item)]
    click.echo(f"removed {_total(removed)}")
    return 0 if len(removed) == len(items) else 3


def _remove(item: items.Removable) -> bool:
    """Looks again: a run may have begun while the list was read, or its question answered."""
    with claims.claims_settled() as held:
        if held.covers(item):
            click.echo(f"  {item.name} stays: a run has begun to use it", err=True)
            return False
        try:
            item.remove()
        except (OSError, TfmatrixError) as error:
            click.echo(f"  not removed: {error}", err=True)
            return False
    return True
