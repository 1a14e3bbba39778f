"""`tfmatrix clean`: removes what tfmatrix made; nothing else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

import click

from runner import engines, paths
from runner.cli import log
from runner.cli.formats import formats, print_json
from runner.errors import EngineUnavailableError, TfmatrixError, UsageError
from runner.machine import claims, temporary, units
from runner.machine.items import Removable
from runner.machine.units import count
from runner.upkeep import clean, inventory

SCHEMA = 1


@click.command(
    "clean",
    help="Remove images, environments and caches that tfmatrix made; nothing else. "
    "Whatever a running run uses is kept.",
)
@click.option(
    "--engine",
    "engine_names",
    type=click.Choice(list(engines.ENGINES)),
    multiple=True,
    help="Remove only what this engine made. Default: both engines, and the caches.",
)
@click.option(
    "--older-than", metavar="AGE", help="Remove only what was not used for AGE: 12h, 30d, 8w."
)
@click.option(
    "--max-size",
    metavar="SIZE",
    help="Remove the least recently used things, until SIZE (20GB) is left.",
)
@click.option(
    "--runs",
    is_flag=True,
    help="Remove runs in results/ too (never results/reference or a folder named by --output).",
)
@click.option(
    "--keep-runs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Like --runs, but keep the newest N.",
)
@click.option(
    "--thin-runs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only thin results/: the newest N runs stay complete, the others keep their journal; "
    "`tfmatrix report` makes their reports again, without logs and out/.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@formats("text", "json", default="text", help="json: for other programs (docs/json.md).")
def command(
    engine_names: Sequence[str],
    older_than: Optional[str],
    max_size: Optional[str],
    runs: bool,
    keep_runs: Optional[int],
    thin_runs: Optional[int],
    dry_run: bool,
    yes: bool,
    format_: str,
) -> int:
    temporary.end_dead_runs()
    age = None if older_than is None else units.parse_age(older_than)
    size = None if max_size is None else units.parse_size(max_size)
    keep = 0 if runs and keep_runs is None else keep_runs
    if engine_names and thin_runs is not None:
        raise UsageError("--thin-runs is about results/: it cannot be used with --engine")
    if thin_runs is None:
        made = list(_made(engine_names, age))
    else:
        made = list(inventory.removable_reports(thin_runs, keep))
    if keep is not None:
        made += inventory.removable_runs(keep)
    with claims.claims_settled() as held:
        used = [item for item in made if held.covers(item)]
    items = clean.items_to_remove(
        made, now=time.time(), older_than=age, max_size=size, in_use=held.covers
    )
    say = _to_stderr if format_ == "json" else log.print_answer
    for line in _listing(items, used, time.time()):
        say(line)
    going = items if not dry_run and _agreed(items, yes) else []
    removed = [item for item in going if _remove(item)]
    if format_ == "json":
        print_json(_data(items, removed, used, dry_run))
    say(_conclusion(items, removed, dry_run))
    return 0 if len(removed) == len(going) else 3


def _made(names: Sequence[str], age: Optional[timedelta]) -> Iterator[Removable]:
    for name in names or engines.ENGINES:
        engine = engines.create(name)
        why_not = engine.unavailable()
        if why_not is None:
            yield from engine.inventory()
        elif names:
            raise EngineUnavailableError(why_not)
    if names:
        return
    yield from inventory.removable_caches()
    if age is not None:
        yield from inventory.removable_outcomes(age)


def _agreed(items: Sequence[Removable], yes: bool) -> bool:
    """Ask for consent, unless nobody can answer or there is nothing to remove."""
    if yes or not items or not sys.stdin.isatty():
        return True
    return click.confirm(f"remove {_total(items)}?", err=True)


def _listing(items: Sequence[Removable], used: Sequence[Removable], now: float) -> Iterator[str]:
    """A line for each item, but one for all snapshots: each run makes some."""
    snapshots = str(paths.snapshots())
    shared: dict[str, list[Removable]] = {}
    for item in items:
        place = os.path.dirname(item.name)  # noqa: PTH120 - the name of an image is no path
        shared.setdefault(snapshots if place == snapshots else item.name, []).append(item)
    for name, several in shared.items():
        size = units.size_text(sum(item.size for item in several))
        ago = units.time_ago(now - max(item.last_used for item in several))
        many = f": {count(len(several), 'snapshot')}" if name == snapshots else ""
        yield f"{several[0].kind:<12} {size:>9} {ago:>7}  {name}{many}"
    if used:
        yield f"kept, because a running run uses them: {_total(used)}"


def _conclusion(items: Sequence[Removable], removed: Sequence[Removable], dry_run: bool) -> str:
    if not items:
        return "there is nothing to remove"
    return f"would remove {_total(items)}" if dry_run else f"removed {_total(removed)}"


def _data(
    items: Sequence[Removable],
    removed: Sequence[Removable],
    used: Sequence[Removable],
    dry_run: bool,
) -> dict[str, Any]:
    """The JSON document that docs/json.md describes."""
    return {
        "schema": SCHEMA,
        "dry_run": dry_run,
        "items": [{**_fields(item), "removed": item in removed} for item in items],
        "in_use": [_fields(item) for item in used],
        "bytes": sum(item.size for item in (items if dry_run else removed)),
    }


def _fields(item: Removable) -> dict[str, Any]:
    last = datetime.fromtimestamp(item.last_used, timezone.utc)
    return {
        "kind": item.kind,
        "name": item.name,
        "bytes": item.size,
        "last_used": f"{last:%Y-%m-%dT%H:%M:%SZ}",
    }


def _total(items: Sequence[Removable]) -> str:
    return f"{count(len(items), 'item')}, {units.size_text(sum(item.size for item in items))}"


def _to_stderr(line: str) -> None:
    log.print_answer(line, err=True)


def _remove(item: Removable) -> bool:
    """Remove an item, unless a run has started to use it meanwhile; returns whether it is gone."""
    with claims.claims_settled() as held:
        if held.covers(item):
            log.print_answer(f"  {item.name} is kept: a run has started to use it", err=True)
            return False
        try:
            item.remove()
        except (OSError, TfmatrixError) as error:
            log.print_answer(f"  not removed: {error}", err=True)
            return False
    return True
