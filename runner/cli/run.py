"""`tfmatrix run`: runs the matrix. The body of the command shows the whole pipeline."""

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
from runner.cli.options import measuring_by, selecting


@click.command(
    "run",
    cls=ScriptCommand,
    help="Run the matrix: the repros of matrix.yaml, or the named scripts.",
)
@selecting
@from_issue.options
@from_comment.options
@backends.options
@measuring_by("jobs")
@click.option(
    "--memory-for-cells",
    "budget",
    metavar="SIZE",
    help="The memory for all cells that run at a time. Default: 80% of the free memory.",
)
@click.option(
    "--explore",
    type=click.Choice(["full", "adaptive"]),
    default="full",
    help="adaptive: measure some releases, and infer the cells between releases that agree.",
)
@measuring_by("remeasure")
@click.option(
    "--expect",
    type=click.Choice(["pass", "fail", "crash", "timeout", "oom"]),
    help="Expect this outcome of every cell, instead of the expectations in matrix.yaml; exit "
    "with 1 if a cell differs, or if all are skipped.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    metavar="N",
    help="Run every cell N times, each time in a new process; the majority decides, shown as k/N.",
)
@measuring_by("mode", "keep", "max_disk")
@click.option(
    "--controls/--no-controls",
    "controlled",
    default=True,
    help="If a case changes between releases with different Pythons, also run one of them on the "
    "other's Python. Default: yes.",
)
@measuring_by("output")
@formats("table", "json", default="table", help="json: print the run's matrix.json.")
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
        store=running.open_store(),
        snapshots=snapshots,
        options=options,
    )
    with backends.choose(
        console, engine=engine, cluster=cluster, jobs=jobs, memory=budget, wanted=wanted
    ) as backend:
        options = evolve(options, jobs=backend.jobs)
        load = wanted.workload(backend.engine)
        backend, forecast = pipeline.fit_on_disk(
            backend, wanted, max_disk, running.line_printer(console)
        )
        say = running.line_printer(console)
        controls = running.control_plan(chosen, say) if controlled else None
        with running.recorded_run(
            chosen, load, backend.engine, snapshots, output, remeasure=remeasure
        ) as journal:
            pipeline.carry_out(
                backend,
                load,
                journal,
                store=running.open_store(),
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
    code = running.exit_code(run, expected=selection["expect"])
    return from_comment.conclude(told, run, journal.folder, code) if told else code
