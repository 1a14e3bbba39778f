"""`tfmatrix releases`: the catalogue beside the package index, and what it lacks added to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Optional

import click

from runner import paths
from runner.cli.formats import formats, print_json
from runner.errors import UsageError
from runner.model import Release
from runner.releases import catalogue
from runner.releases.upstream import index, offers, prereleases, table

HELP = """\
Show which TensorFlow releases the catalogue knows, and which the package index has.

The index is the one that uv or pip is told to use here. With --update, the releases that are
missing are added to docker/releases.yaml from what their wheels say, locked, and proved: TensorFlow
is imported and trains something, and the repros of matrix.yaml are measured. Review the change
before you commit it.
"""


@click.command("releases", help=HELP)
@formats("text", "json", default="text", help="json: for other programs.")
@click.option("--pre", is_flag=True, help="Release candidates and nightlies of the index too.")
@click.option("--offline", is_flag=True, help="The catalogue alone; asks nobody.")
@click.option("--update", is_flag=True, help="Add what is missing to docker/releases.yaml.")
@click.option("--dry-run", is_flag=True, help="With --update: print the entries, change nothing.")
@click.option(
    "--prove/--no-prove",
    default=True,
    help="With --update: install and run what was added (default), or only lock it.",
)
def command(
    format_: str, pre: bool, offline: bool, update: bool, dry_run: bool, prove: bool
) -> int:
    if dry_run and not update:
        raise UsageError("--dry-run goes with --update")
    if update and format_ == "json":
        raise UsageError("--format json shows what there is: it does not go with --update")
    if offline and (update or pre):
        raise UsageError("--offline leaves nothing to update from, and no pre-releases to show")
    if update:
        from runner.upkeep import catalogue as catching_up

        return catching_up.carry_out(_index(), dry_run=dry_run, prove=prove)
    source = None if offline else _index()
    rows = _rows(source, pre=pre) if source else None
    shown = source.shown if source and rows else None
    rows = rows or table.table_rows(catalogue.load_releases(), None)
    if format_ == "json":
        print_json({"index": shown, "releases": table.as_json(rows)})
    else:
        click.echo(_as_text(rows, shown))
    return 0


def _rows(source: index.Index, *, pre: bool) -> Optional[list[table.TableRow]]:
    """Catalogue and index side by side; None, and why, where the index cannot be read."""
    known = catalogue.load_releases()
    try:
        rows = table.table_rows(known, offers.offers_of(source.wheels("tensorflow")))
        return rows + (_pre_rows(known, source) if pre else [])
    except index.IndexUnreachableError as error:
        click.echo(f"tfmatrix: {error}\nonly what the catalogue knows is shown", err=True)
        return None


def _pre_rows(known: Sequence[Release], source: index.Index) -> list[table.TableRow]:
    rows = []
    for kind, make, pair in (
        ("candidate", prereleases.candidates, prereleases.CANDIDATES),
        ("nightly", prereleases.nightlies, prereleases.NIGHTLIES),
    ):
        cpu, full = (offers.offers_of(source.wheels(name)) for name in (pair.cpu, pair.full))
        rows += table.pre_rows(list(make(known, cpu, full)), kind)
    return rows


def _as_text(rows: Sequence[table.TableRow], shown: Optional[str]) -> str:
    missing = [row.version for row in rows if row.kind == "release" and not row.catalogue]
    if shown is None:
        last = "what the package index has was not looked up"
    elif missing:
        last = f"missing: {', '.join(missing)}; `tfmatrix releases --update` adds them"
    else:
        last = f"nothing that {shown} has is missing"
    return f"{table.table_text(rows)}\n{last}"


def _index() -> index.Index:
    return index.configured(paths.index(), lambda line: print(line, file=sys.stderr))
