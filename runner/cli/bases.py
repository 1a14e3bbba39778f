"""`tfmatrix bases`: Python base images without a registry."""

from __future__ import annotations

from collections.abc import Sequence

import click

from runner.cli import log
from runner.engines.docker import bases
from runner.environments import render
from runner.releases import catalogue


@click.command(
    "bases", help="Make Python base images from Debian packages and this machine's Pythons."
)
@click.option(
    "--python", "pythons", multiple=True, metavar="3.X", help="Repeat for several. Default: all."
)
@click.option(
    "--force", is_flag=True, help="Make them again; also replace images that tfmatrix did not make."
)
def command(pythons: Sequence[str], force: bool) -> None:
    for python in pythons or sorted(
        {r.pythons[0] for r in catalogue.load_releases()}, key=_version
    ):
        tag = render.default_base(python)
        made = bases.make_base(python, tag, lambda line: log.print_note(f"  {line}"), force=force)
        log.print_answer(f"{tag}: {'made' if made else 'exists already'}")


def _version(python: str) -> tuple[int, ...]:
    return tuple(int(part) for part in python.split("."))
