"""`tfmatrix clean`: removes what this tool made; nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Optional

import click

from runner import clean, engines, inventory
from runner.errors import TfmatrixError


@click.command(
    "clean", help="Remove images, environments and caches that this tool made; nothing else."
)
@click.option("--older-than", metavar="AGE", help="Only what was not used for 12h, 30d, 8w.")
@click.option(
    "--max-size", metavar="SIZE", help="Least recently used first, until SIZE (20GB) is left."
)
@click.option("--runs", is_flag=True, help="Runs in results/ too (never results/reference).")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def command(older_than: Optional[str], max_size: Optional[str], runs: bool, dry_run: bool) -> int:
    age = None if older_than is None else clean.age(older_than)
    size = None if max_size is None else clean.size(max_size)
    made = [*_made(), *(inventory.runs() if runs else ())]
    items = clean.chosen(made, now=time.time(), older_than=age, max_size=size)
    failed = 0
    for item in items:
        click.echo(f"{item.kind:<12} {clean.human(item.size):>9}  {item.name}")
        failed += 0 if dry_run else _remove(item)
    total = clean.human(sum(item.size for item in items))
    click.echo(f"{'would remove' if dry_run else 'removed'} {len(items) - failed} items, {total}")
    return 3 if failed else 0


def _made() -> Iterator[clean.Item]:
    for name in engines.ENGINES:
        engine = engines.create(name)
        if engine.unavailable() is None:
            yield from engine.inventory()
    yield from inventory.caches()


def _remove(item: clean.Item) -> int:
    try:
        item.remove()
    except (OSError, TfmatrixError) as error:
        click.echo(f"  not removed: {error}", err=True)
        return 1
    return 0
