"""Measures, and writes bench.md, bars.svg, growth.svg and bench.json."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click
from attrs import evolve

from bench.session import STUDIES, USUAL, Session
from bench.sizes import QUICK, Sizes
from runner.errors import TfmatrixError


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="A few minutes, on few releases: to see it work.")
@click.option("--rounds", "times", type=click.IntRange(1), help="Rounds of every comparison.")
@click.option("--tf", metavar="SPEC", help="Releases of the comparisons with loops and tox.")
@click.option("--all-tf", metavar="SPEC", help="Releases of everything else.")
@click.option("--cases", type=click.IntRange(1), help="Cases per release, in every comparison.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 2, show_default=True)
@click.option("--only", type=click.Choice(STUDIES), multiple=True, help="Repeat for several.")
@click.option("--cold", metavar="SPEC", help="Only make environments from nothing.")
@click.option("--stages", metavar="SPEC", help="Only tell where the time of --cold goes.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("results/bench"))
def main(
    quick: bool,
    times: Optional[int],
    tf: Optional[str],
    all_tf: Optional[str],
    cases: Optional[int],
    jobs: int,
    only: Sequence[str],
    cold: Optional[str],
    stages: Optional[str],
    output: Path,
) -> None:
    sizes = QUICK if quick else Sizes()
    sizes = evolve(
        sizes,
        rounds=times or sizes.rounds,
        whole_rounds=times or sizes.whole_rounds,
        sides=tf or sizes.sides,
        all=all_tf or sizes.all,
        shipped=cases or sizes.shipped,
        light=cases or sizes.light,
        whole=cases or sizes.whole,
    )
    wanted = only or (() if cold or stages else USUAL)
    try:
        with tempfile.TemporaryDirectory(prefix="tfmatrix-bench-") as temporary:
            Path(temporary).chmod(0o755)
            Session(sizes, jobs, Path(temporary), output.absolute()).run(wanted, cold, stages)
    except TfmatrixError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo(f"bench: interrupted; what was complete is in {output}", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
