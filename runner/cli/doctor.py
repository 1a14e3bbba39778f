"""`tfmatrix doctor`: what works here, what doesn't, and the command that mends it."""

from __future__ import annotations

from typing import Optional

import click
from rich.console import Console
from rich.table import Table

from runner.engines.docker import cuda_check
from runner.releases import catalogue, specifier
from runner.upkeep import doctor
from runner.upkeep.doctor import Check, Health

MARKS = {Health.GOOD: ("ok", "green"), Health.LIMITED: ("–", "yellow"), Health.BAD: ("!!", "red")}


@click.command("doctor", help="Say what works on this machine, what doesn't, and what mends it.")
@click.option(
    "--cuda", metavar="VERSION", help="Build a CUDA image and load every CUDA library in it."
)
def command(cuda: Optional[str]) -> int:
    console = Console()
    return _every_check(console) if cuda is None else _cuda(console, cuda)


def _cuda(console: Console, version: str) -> int:
    """Needs no GPU: the driver's own library is the one thing that stays unproved."""
    report = cuda_check.prove(version, lambda phase: console.print(phase.what, highlight=False))
    console.print(
        f"{report.image}: TensorFlow {report.tensorflow}, CUDA {report.cuda}, cuDNN {report.cudnn}",
        highlight=False,
    )
    for line in report.lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if report.sound else 3


def _every_check(console: Console) -> int:
    table = Table.grid(padding=(0, 2))
    bad = False
    for check in doctor.examine(specifier.select(catalogue.load(), ">=1.12", "latest")):
        bad = bad or check.health is Health.BAD
        _row(table, check)
    console.print(table, highlight=False)
    return 3 if bad else 0


def _row(table: Table, check: Check) -> None:
    mark, colour = MARKS[check.health]
    remedy = f"\n→ {check.remedy}" if check.remedy else ""
    table.add_row(f"[{colour}]{mark}[/{colour}]", check.what, f"{check.finding}{remedy}")
