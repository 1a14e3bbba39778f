"""`tfmatrix doctor`: says what works on this machine, what does not, and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner import __version__
from runner.cli import log
from runner.cli.formats import formats, print_json
from runner.engines.docker import cuda_check
from runner.releases import catalogue, specifier
from runner.serial.plain import plain
from runner.upkeep import doctor
from runner.upkeep.doctor import Check, Health

SCHEMA = 1
MARKS = {Health.GOOD: ("ok", "green"), Health.LIMITED: ("–", "yellow"), Health.BAD: ("!!", "red")}


@click.command("doctor", help="Check this machine: what works, what does not, and how to fix it.")
@click.option(
    "--cuda",
    metavar="VERSION",
    help="Build the CUDA image of a release and load every CUDA library in it.",
)
@formats("text", "json", default="text", help="json: for other programs (docs/json.md).")
def command(cuda: Optional[str], format_: str) -> int:
    as_json = format_ == "json"
    if cuda is not None:
        return _cuda(cuda, as_json)
    releases = specifier.select(catalogue.load_releases(), ">=1.12", "latest")
    checks = list(doctor.examine(releases))
    if as_json:
        print_json({"schema": SCHEMA, "version": __version__, "checks": plain(checks)})
    else:
        Console().print(_table(checks), highlight=False)
    return 3 if any(check.health is Health.BAD for check in checks) else 0


def _cuda(version: str, as_json: bool) -> int:
    """Check a CUDA image. No GPU is needed; only the driver's own library is not checked."""
    report = cuda_check.prove_release(version, lambda phase: log.print_note(phase.what))
    if as_json:
        print_json({"schema": SCHEMA, "version": __version__, "cuda": _facts(report)})
        return 0 if report.sound else 3
    log.print_answer(
        f"{report.image}: TensorFlow {report.tensorflow}, CUDA {report.cuda}, cuDNN {report.cudnn}"
    )
    for line in report.lines:
        log.print_answer(line)
    return 0 if report.sound else 3


def _facts(report: cuda_check.Report) -> dict[str, Any]:
    return {**attrs.asdict(report), "sound": report.sound}


def _table(checks: Sequence[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark, colour = MARKS[check.health]
        remedy = f"\n→ {check.remedy}" if check.remedy else ""
        table.add_row(Text(mark, colour), check.what, Text(f"{check.finding}{remedy}"))
    return table
