"""`tfmatrix run`: the whole way, from matrix.yaml to the matrix. Its body is the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve
from rich.console import Console

from runner import engines, paths
from runner.cells import modes, outliers
from runner.cli import crew as crews
from runner.cli import from_issue, running
from runner.cli.options import selecting
from runner.errors import UsageError
from runner.machine import units
from runner.matrix.selection import select
from runner.model import Cell
from runner.pipeline import disk, display, events, exploring, workers, workload
from runner.pipeline.crew import Crew, Here
from runner.pipeline.pipeline import Options, Pipeline, Place, Work
from runner.runs import journal


@click.command("run", help="Run the matrix: matrix.yaml's repros, or the scripts named.")
@selecting
@from_issue.options
@crews.options
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
@click.option("--fresh", is_flag=True, help="Measure again what is known already.")
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
    default="all",
    metavar="all|none|SIZE",
    help="What stays on disk when an environment's cells are done; SIZE as in 20GB.",
)
@click.option(
    "--max-disk",
    metavar="SIZE",
    help="What environments may take at any time: those that are done go when others need their "
    "room, what cannot fit is skipped.",
)
@click.option("--output", type=click.Path(path_type=Path), help="The run's folder.")
def command(
    engine: str,
    cluster: Optional[str],
    jobs: Optional[int],
    budget: Optional[str],
    explore: str,
    fresh: bool,
    repeat: int,
    mode: str,
    keep: str,
    max_disk: Optional[str],
    output: Optional[Path],
    **selection: Any,
) -> int:
    kept = kept_bytes(keep)
    engine = from_issue.choose(engine, selection)
    chosen = select(**selection)
    console = Console(stderr=True)
    with crews.crew(console, engine=engine, cluster=cluster, jobs=jobs, memory=budget) as crew:
        load = workload.arrange(chosen.cells, crew.engine, running.locker(chosen))
        limit = None if max_disk is None else units.size(max_disk)
        crew, prospect = foresee(console, crew, load, limit)
        taken = running.snapshots(chosen.matrix.repros)
        options = Options(
            ahead=crew.jobs + workers.PREPARING,
            fresh=fresh,
            repeat=repeat,
            warm=explore == "adaptive",
            modes=modes.Modes(mode),
            keep=kept,
            snapshots=taken,
            agent_digest=paths.agent_digest(),
            max_disk=None if limit is None else prospect,
        )
        run = running.head(chosen, load, crew.engine, taken)
        folder = running.own_folder(output or paths.results() / run.info.id)
        log = journal.Journal(folder, run)
        try:
            running.keep(log, load, taken)
            carry_out(console, crew, load, log, options, adaptive=explore == "adaptive")
            log.finish(journal.timestamp())
        except KeyboardInterrupt:
            ended = running.conclude(folder)
            running.report_interrupted(console, ended, folder, len(chosen.cells))
            raise
        finally:
            log.close()
    finished = running.conclude(folder)
    running.report(console, finished, folder)
    return running.exit_code(finished)


def foresee(
    console: Console, crew: Crew, load: workload.Workload, limit: Optional[int]
) -> tuple[Crew, Optional[disk.Prospect]]:
    """Say what the disk will have to hold before anything starts; the crew that keeps to it."""
    if not isinstance(crew, Here):
        if limit is not None:
            raise UsageError(
                "--max-disk is about this machine's disk; a cluster's workers mind theirs"
            )
        return crew, None
    prospect = disk.prospect(crew.engine, [work.environment for work in load.works], limit)
    for line in disk.words(prospect):
        console.print(line, highlight=False, soft_wrap=True)
    if prospect.apart:
        crew = evolve(crew, engine=engines.create(crew.engine.name, apart=True))
    return crew, prospect


def carry_out(
    console: Console,
    crew: Crew,
    load: workload.Workload,
    log: journal.Journal,
    options: Options,
    *,
    adaptive: bool = False,
) -> None:
    """Measure what is to be measured; every result is in the journal when this returns."""
    cells = sum(len(work.cells) for work in load.works)
    with display.make(console, cells) as emit:
        found = exploring.Found(emit)
        with crew.workers(found) as here:
            pipeline = Pipeline(
                workers=here,
                store=running.stored(),
                journal=log,
                options=options,
                emit=found,
            )

            def stored(work: Work, cell: Cell) -> bool:
                return pipeline.known(work, cell) is not None

            whole = options.keep is not None
            adaptively = exploring.rounds(load.works, found, stored=stored, whole=whole)
            for works in adaptively if adaptive else (load.works,):
                pipeline.run(running.longest_first(works))
            pipeline.run(to_confirm(load.works, found, here.place), confirm=True)
        measured = len(found.results)
        for result in exploring.inferred(load.works, found) if adaptive else ():
            emit(events.Ended(result=log.append(result, "", sync=False)))
    if adaptive:
        line = f"{measured} of {cells} cells measured, the others inferred"
        console.print(line, highlight=False)


def to_confirm(works: Sequence[Work], found: exploring.Found, place: Place) -> list[Work]:
    """The cells that no neighbour agrees with, but for those whose environment is gone again."""
    odd = exploring.these(works, outliers.outliers(tuple(found.results.values())))
    return [work for work in odd if place.readiness(work.environment)]


def kept_bytes(text: str) -> Optional[int]:
    """`all` → None, `none` → 0, `20GB` → bytes."""
    return {"all": None, "none": 0}[text] if text in ("all", "none") else units.size(text)
