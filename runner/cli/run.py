"""`tfmatrix run`: from matrix.yaml to the matrix. Its body is the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve

from runner import pipeline
from runner.cli import backend as backends
from runner.cli import fetch, from_comment, from_issue, missing_packages, running, terminal
from runner.cli.formats import formats
from runner.cli.grammar import ScriptCommand
from runner.cli.options import BYTES, KEPT, selecting


@click.command(
    "run", cls=ScriptCommand, help="Run the matrix: matrix.yaml's repros, or the scripts named."
)
@selecting
@from_issue.options
@from_comment.options
@backends.options
@click.option("--jobs", type=click.IntRange(1, 256), help="Cells at a time. Default: one a core.")
@click.option(
    "--memory-for-cells",
    "budget",
    metavar="SIZE",
    help="What cells that run at a time may need together. Default: 80% of what is free.",
)
@click.option(
    "--explore",
    type=click.Choice(["full", "adaptive"]),
    default="full",
    help="adaptive: measure ends and middles, and infer what lies between releases that agree.",
)
@click.option(
    "--remeasure", "--fresh", "remeasure", is_flag=True, help="Measure again what is known already."
)
@click.option(
    "--expect",
    type=click.Choice(["pass", "fail", "crash", "timeout", "oom"]),
    help="What is expected of every cell, instead of what matrix.yaml says: exit with 1 where one "
    "differs.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    metavar="N",
    help="Run every cell N times, each in a new process; the majority decides, shown as k/N.",
)
@click.option(
    "--mode",
    type=click.Choice(["auto", "fresh", "fork"]),
    default="auto",
    help="fresh: a new process per cell. fork: import TensorFlow once per environment. "
    "auto: fork where the script allows it.",
)
@click.option(
    "--keep-environments",
    "keep",
    type=KEPT,
    default="all",
    metavar="all|none|SIZE",
    help="What of the environments that the run makes stays when their cells are done; SIZE as in "
    "20GB.",
)
@click.option(
    "--max-disk",
    type=BYTES,
    metavar="SIZE",
    help="What environments may take at any time: those that are done go when others need their "
    "room, what cannot fit is skipped.",
)
@click.option(
    "--controls/--no-controls",
    "controlled",
    default=True,
    help="Where a case changes between releases with different Pythons, run one of them on the "
    "other's Python too. Default: yes.",
)
@click.option("--output", type=click.Path(path_type=Path), help="The run's folder.")
@formats("table", "json", default="table", help="json: the run's matrix.json, on standard output.")
def command(
    engine: str,
    cluster: Optional[str],
    jobs: Optional[int],
    budget: Optional[str],
    explore: str,
    remeasure: bool,
    repeat: int,
    mode: str,
    keep: Optional[int],
    max_disk: Optional[int],
    controlled: bool,
    output: Optional[Path],
    format_: str,
    **selection: Any,
) -> int:
    engine, told = from_comment.choose(engine, selection)
    console = terminal.stderr()
    fetch.with_data(selection, running.line_printer(console))
    chosen = missing_packages.select_with(selection, running.line_printer(console))
    options = pipeline.Options(
        remeasure=remeasure,
        repeat=repeat,
        mode=mode,
        keep=keep,
        keep_agents=explore == "adaptive",
    )
    snapshots = running.snapshots(chosen, running.line_printer(console))
    wanted = pipeline.Demand(
        chosen.cells,
        running.locker(chosen),
        store=running.stored(),
        snapshots=snapshots,
        options=options,
    )
    with backends.choose(
        console, engine=engine, cluster=cluster, jobs=jobs, memory=budget, wanted=wanted
    ) as backend:
        options = evolve(options, jobs=backend.jobs)
        load = wanted.workload(backend.engine)
        backend, forecast = pipeline.fit_on_disk(
            backend, load, max_disk, running.line_printer(console)
        )
        say = running.line_printer(console)
        controls = running.control_plan(chosen, say) if controlled else None
        with running.recording(chosen, load, backend.engine, snapshots, output) as journal:
            pipeline.carry_out(
                backend,
                load,
                journal,
                store=running.stored(),
                snapshots=snapshots,
                options=options,
                console=console,
                forecast=forecast,
                explore=explore,
                controls=controls,
            )
    run = running.conclude(journal.folder)
    running.check_tests(run)
    running.report(run, journal.folder, format_)
    code = running.exit_code(run)
    return from_comment.conclude(told, run, journal.folder, code) if told else code
