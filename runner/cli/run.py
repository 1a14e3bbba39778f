"""`tfmatrix run`: the whole way, from matrix.yaml to the matrix. Its body is the pipeline."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve
from rich.console import Console

from runner import (
    __version__,
    clean,
    display,
    engines,
    events,
    host,
    journal,
    locks,
    modes,
    paths,
    publish,
    snapshot,
    store,
    workload,
)
from runner.cli import explore as exploring
from runner.cli import from_issue
from runner.cli.options import Selection, select, selecting
from runner.engines.base import Engine
from runner.errors import UsageError
from runner.model import Environment, Run, RunInfo, Target, Verdict
from runner.pipeline import Options, Pipeline, Work
from runner.snapshot import Snapshot


@click.command("run", help="Run the matrix: matrix.yaml's repros, or the scripts named.")
@selecting
@from_issue.options
@click.option("--engine", type=click.Choice(["auto", *engines.ENGINES]), default="auto")
@click.option("--jobs", type=click.IntRange(1, 256), help="Cells at a time. Default: one a core.")
@click.option(
    "--explore",
    type=click.Choice(["full", "adaptive"]),
    default="full",
    help="adaptive: measure ends and middles, and infer what lies between releases that agree.",
)
@click.option("--fresh", is_flag=True, help="Measure again what is known already.")
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
@click.option("--output", type=click.Path(path_type=Path), help="The run's folder.")
def command(
    engine: str,
    jobs: Optional[int],
    explore: str,
    fresh: bool,
    mode: str,
    keep: str,
    output: Optional[Path],
    **selection: Any,
) -> int:
    kept = kept_bytes(keep)
    engine = from_issue.choose(engine, selection)
    chosen = select(**selection)
    console = Console(stderr=True)
    the_engine = engines.choose(engine, lambda line: console.print(line, highlight=False))
    load = workload.arrange(chosen.cells, the_engine, locker(chosen))
    announce_need(console, the_engine, [work.environment for work in load.works], kept)
    run = head(chosen, load, the_engine)
    folder = output or paths.results() / run.info.id
    log = journal.Journal(own_folder(folder), run)
    try:
        options = Options(
            jobs=jobs or os.cpu_count() or 2,
            fresh=fresh,
            modes={repro.name: modes.of(repro, mode) for repro in chosen.matrix.repros},
            keep=kept,
            snapshots=snapshots(chosen, log),
            agent_digest=hashlib.sha256(paths.agent().read_bytes()).hexdigest(),
        )
        carry_out(console, the_engine, load, log, options, adaptive=explore == "adaptive")
        log.finish(journal.timestamp())
    except KeyboardInterrupt:
        report_interrupted(console, conclude(folder), folder, len(chosen.cells))
        raise
    finally:
        log.close()
    finished = conclude(folder)
    report(console, finished, folder)
    return exit_code(finished)


def carry_out(
    console: Console,
    engine: Engine,
    load: workload.Workload,
    log: journal.Journal,
    options: Options,
    *,
    adaptive: bool = False,
) -> None:
    """Measure what is to be measured; every result is in the journal when this returns."""
    cells = sum(len(work.cells) for work in load.works)
    for work in load.works:
        log.keep_environment(work.environment)
    for result in load.known:
        log.append(result, "", sync=False)
    with display.make(console, cells) as emit:
        found = exploring.Found(emit)
        pipeline = Pipeline(
            engine=engine,
            store=store.Store(paths.store()),
            journal=log,
            options=options,
            emit=found,
        )
        for works in exploring.rounds(load.works, found) if adaptive else (load.works,):
            pipeline.run(_longest_first(works))
        measured = len(found.results)
        for result in exploring.inferred(load.works, found) if adaptive else ():
            emit(events.Ended(result=log.append(result, "", sync=False)))
    if adaptive:
        console.print(f"{measured} of {cells} cells measured, the others inferred", highlight=False)


def snapshots(chosen: Selection, log: journal.Journal) -> dict[str, Snapshot]:
    """Every repro as it is now, copied; what happens to the files later changes nothing."""
    taken = {}
    for repro in chosen.matrix.repros:
        taken[repro.name] = snapshot.take(repro, paths.snapshots())
        script = taken[repro.name].workspace
        log.keep_script(
            repro.name, (script.folder / script.script).read_text("utf-8", errors="replace")
        )
    return taken


def conclude(folder: Path) -> Run:
    """The run as its journal has it, written out in every format."""
    run = journal.read(folder, warn=lambda line: click.echo(line, err=True))
    publish.write(run, folder)
    if folder.parent == paths.results():
        journal.point_latest(folder)
    return run


def report(console: Console, run: Run, folder: Path) -> None:
    """What came out, in a sentence and a table, and where the whole of it lies."""
    click.echo(publish.terminal(run, console.width if console.is_terminal else 0))
    unmeasured = [r for r in run.results if r.outcome.verdict is Verdict.ERROR]
    if unmeasured:
        console.print(
            f"{len(unmeasured)} cells could not be measured; "
            "the same command tries just those again",
            highlight=False,
        )
    console.print(
        f"report: {folder / 'matrix.md'}  {folder / 'index.html'}", highlight=False, soft_wrap=True
    )


def report_interrupted(console: Console, run: Run, folder: Path, planned: int) -> None:
    """Say that nothing is lost; the store has what was measured, so the same command goes on."""
    console.print(
        f"{len(run.results)} of {planned} cells are measured and kept in {folder}; "
        "the same command goes on from there",
        highlight=False,
        soft_wrap=True,
    )


def exit_code(run: Run) -> int:
    """3 before 1: while something is unmeasured, what is expected cannot be vouched for."""
    if any(result.outcome.verdict is Verdict.ERROR for result in run.results):
        return 3
    return 1 if any(result.unexpected for result in run.results) else 0


def kept_bytes(text: str) -> Optional[int]:
    """`all` → None, `none` → 0, `20GB` → bytes."""
    return {"all": None, "none": 0}[text] if text in ("all", "none") else clean.size(text)


def announce_need(
    console: Console, engine: Engine, environments: Sequence[Environment], kept: Optional[int]
) -> None:
    """Say what the run will need on disk before it starts, and what there is."""
    missing = [e for e in environments if not engine.prepared(e)]
    if not missing:
        return
    need = host.need(engine.name, missing)
    free = host.free_bytes(paths.cache())
    line = (
        f"{len(missing)} of {len(environments)} environments are to be made: "
        f"about {need / 1e9:.1f} GB on disk; {free / 1e9:.0f} GB are free"
    )
    if kept is None and need > free:
        line += ". That will not fit: --keep-environments none drops each when its cells are done"
    console.print(line, highlight=False)


def locker(chosen: Selection) -> workload.Lock:
    def lock(target: Target) -> Environment:
        return locks.environment(target, chosen.matrix.images)

    return lock


def head(chosen: Selection, load: workload.Workload, engine: Engine) -> Run:
    info = RunInfo(
        id=journal.new_id(datetime.now(timezone.utc)),
        started=journal.timestamp(),
        engine=engine.name,
        tool_version=__version__,
        command=shlex.join(["tfmatrix", *sys.argv[1:]]),
        host=host.describe(),
    )
    released = {release.version: release.released.isoformat() for release in chosen.releases}
    return Run(
        info=info,
        environments=workload.described(load.works, load.known, engine, released),
        results=(),
        repros=_planned_repros(chosen),
    )


def _planned_repros(chosen: Selection) -> tuple[Any, ...]:
    """The repros with only those cases that the command line chose."""
    names = {(cell.repro.name, cell.case.name) for cell in chosen.cells}
    return tuple(
        evolve(repro, cases=tuple(c for c in repro.cases if (repro.name, c.name) in names))
        for repro in chosen.matrix.repros
    )


def _longest_first(works: Sequence[Work]) -> list[Work]:
    """Newer releases import slower and have more to install, so they start first."""
    return sorted(works, key=lambda work: work.environment.target.release.parsed, reverse=True)


def own_folder(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; a run needs a folder of its own")
    return folder
