"""`tfmatrix releases`: compares the catalogue with the package index, and adds releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import click

from runner import paths
from runner.cli import log
from runner.cli.formats import formats, print_json
from runner.errors import UsageError
from runner.model import Release
from runner.releases import catalogue
from runner.releases.upstream import index, offers, prereleases, table

HELP = """\
Show which TensorFlow releases the catalogue knows, and which the package index has.

The index is the one that uv or pip uses on this machine. With --update, missing releases are added
to docker/releases.yaml with the facts in their wheels, then locked and tested: TensorFlow is
imported and trains something, and the repros of matrix.yaml are measured. Review the change before
you commit it.
"""


@click.command("releases", help=HELP)
@formats("text", "json", default="text", help="json: for other programs.")
@click.option("--pre", is_flag=True, help="Show release candidates and nightlies too.")
@click.option("--offline", is_flag=True, help="Show only the catalogue; use no network.")
@click.option("--update", is_flag=True, help="Add missing releases to docker/releases.yaml.")
@click.option("--dry-run", is_flag=True, help="With --update: print the entries, change nothing.")
@click.option(
    "--prove/--no-prove",
    default=True,
    help="With --update: install and test the added releases (default), or only lock them.",
)
def command(
    format_: str, pre: bool, offline: bool, update: bool, dry_run: bool, prove: bool
) -> int:
    if dry_run and not update:
        raise UsageError("--dry-run needs --update")
    if update and format_ == "json":
        raise UsageError("--format json only shows releases: it cannot be used with --update")
    if offline and (update or pre):
        raise UsageError("--update and --pre need the index: they cannot be used with --offline")
    if update:
        from runner.upkeep import catalogue as catching_up

        return catching_up.update_catalogue(_index(), dry_run=dry_run, prove=prove)
    source = None if offline else _index()
    rows = _rows(source, pre=pre) if source else None
    shown = source.shown if source and rows else None
    rows = rows or table.table_rows(catalogue.load_releases(), None)
    if format_ == "json":
        print_json({"index": shown, "releases": table.as_json(rows)})
    else:
        log.print_answer(_as_text(rows, shown))
    return 0


def _rows(source: index.Index, *, pre: bool) -> Optional[list[table.TableRow]]:
    """The catalogue and the index side by side. If the index cannot be read, prints the reason and
    returns None."""
    known = catalogue.load_releases()
    try:
        rows = table.table_rows(known, offers.offers_of(source.wheels("tensorflow")))
        return rows + (_pre_rows(known, source) if pre else [])
    except index.IndexUnreachableError as error:
        log.print_answer(f"tfmatrix: {error}\nthe table shows only the catalogue", err=True)
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
        last = "the package index was not read"
    elif missing:
        last = f"missing: {', '.join(missing)}; `tfmatrix releases --update` adds them"
    else:
        last = f"the catalogue has all releases of {shown}"
    return f"{table.table_text(rows)}\n{last}"


def _index() -> index.Index:
    return index.configured_index(paths.index(), log.print_warning)
