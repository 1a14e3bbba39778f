"""`tfmatrix exchange`: what one script saves on each release, another loads on each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve

from runner import paths, pipeline
from runner.cells.exchange.looks import Looks
from runner.cells.exchange.saved import Saved, read_saved
from runner.cells.results import skipped_result, unmeasurable_result
from runner.cells.snapshot.handed_on import hand_on
from runner.cells.snapshot.record import Snapshot
from runner.cli import backend as backends
from runner.cli import completion, log, running, terminal
from runner.cli.formats import formats
from runner.cli.options import measuring_by, selecting_by
from runner.errors import UsageError
from runner.machine.units import count
from runner.matrix import selection
from runner.matrix.exchange import Exchange, square
from runner.model import Cell, Execution, Result, release_that_saved, saved_by
from runner.pipeline import Batch, Workload
from runner.runs.journal import Journal

HELP = """\
Run SAVE on each release, and LOAD on each release with what each SAVE left in its working folder.

The result is a square: a row for each release that saved, a column for each that loads. What is
handed on are plain files, at most 64 MiB and 1.5 MB compressed: save a small model.
"""


@click.command("exchange", help=HELP)
@click.argument("save", type=click.Path(path_type=Path), shell_complete=completion.complete_scripts)
@click.argument("load", type=click.Path(path_type=Path), shell_complete=completion.complete_scripts)
@click.option(
    "--each",
    "words",
    multiple=True,
    metavar="WORD",
    help="Run LOAD with this argument; repeat it for a square each, of a file format for example.",
)
@click.option(
    "--case",
    "rows",
    multiple=True,
    metavar="GLOB",
    help="The rows, by name: 'saved by 2.9*'. Only these releases save; all load.",
)
@selecting_by("tf", "patches")
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="The device for SAVE and LOAD.",
)
@selecting_by("needs", "timeout", "memory")
@backends.engine_option
@measuring_by("jobs", "remeasure", "mode", "max_disk", "output")
@formats("table", "json", default="table", help="json: print the run's matrix.json.")
def command(
    save: Path,
    load: Path,
    words: tuple[str, ...],
    rows: tuple[str, ...],
    device: str,
    engine: str,
    jobs: Optional[int],
    remeasure: bool,
    mode: str,
    max_disk: Optional[int],
    output: Optional[Path],
    format_: str,
    **options: Any,
) -> int:
    console = terminal.stderr()
    say = running.line_printer(console)
    plan = square(_selected((save, load), device, options), words, rows)
    snapshots = running.snapshots(plan.chosen, say)
    choices = pipeline.Options(remeasure=remeasure, mode=mode)
    demand = pipeline.Demand(
        plan.chosen.cells,
        running.locker(plan.chosen),
        store=running.open_store(),
        snapshots=snapshots,
        options=choices,
    )
    with backends.choose(console, engine=engine, cluster=None, jobs=jobs, wanted=demand) as backend:
        choices = evolve(choices, jobs=backend.jobs)
        work = demand.workload(backend.engine)
        backend, forecast = pipeline.fit_on_disk(backend, demand, max_disk, say)
        with running.recorded_run(
            plan.chosen, work, backend.engine, snapshots, output, remeasure=remeasure
        ) as journal:
            carry_out = partial(
                pipeline.carry_out,
                backend,
                journal=journal,
                store=running.open_store(),
                options=choices,
                console=console,
            )
            saved: dict[str, Saved] = {}
            collect = partial(_take_saved, saved, load.name)
            saves = _part(work, loads=False)
            carry_out(saves, snapshots=snapshots, collect=collect, forecast=forecast)
            handed = _handed_on(plan, snapshots, saved)
            loads = _without_rows(_part(work, loads=True), handed, saved, journal)
            looks = Looks()
            carry_out(
                loads,
                snapshots={**snapshots, **handed},
                collect=partial(_take_look, looks, saved),
                forecast=pipeline.renewed_forecast(backend, forecast),
            )
    run = running.conclude(journal.folder)
    running.report(run, journal.folder, format_)
    _check_saved(save, saved)
    if looks.none:
        log.print_warning(
            f"{load} passes without a look at what was saved, which lies in its working folder"
        )
    return running.exit_code(run)


def _selected(
    scripts: tuple[Path, Path], device: str, options: Mapping[str, Any]
) -> selection.Selection:
    """Both scripts on the releases asked for. Raises `UsageError`."""
    save, load = scripts
    if save.exists() and load.exists() and save.samefile(load):
        raise UsageError(f"{save} cannot both save and load: exchange takes two scripts")
    return selection.select(
        scripts=scripts, devices=(device,), cases=(), args=(), matrix_file=None, **options
    )


def _part(work: Workload, *, loads: bool) -> Workload:
    """The cells that load what one release saved follow each other: they share an agent."""
    batches = []
    for batch in work.batches:
        cells = [cell for cell in batch.cells if bool(cell.repro.saved_by) is loads]
        cells.sort(key=lambda cell: cell.case.name)
        batches += [evolve(batch, cells=tuple(cells))] if cells else []
    return Workload(batches=tuple(batches), known=())


def _take_saved(saved: dict[str, Saved], loader: str, cell: Cell, execution: Execution) -> None:
    saved[cell.target.release.version] = read_saved(execution, loader)


def _take_look(looks: Looks, saved: Mapping[str, Saved], cell: Cell, execution: Execution) -> None:
    looks.add(execution, saved[release_that_saved(cell.case.name)].files)


def _handed_on(
    plan: Exchange, taken: Mapping[str, Snapshot], saved: Mapping[str, Saved]
) -> dict[str, Snapshot]:
    """`repro/case` → the loading script's files with those that a release saved."""
    files = {saved_by(release): one.files for release, one in saved.items() if one.files}
    return {
        f"{loader.name}/{case}": copy
        for loader in plan.loaders
        for case, copy in hand_on(taken[loader.name], files, paths.snapshots()).items()
    }


def _without_rows(
    loads: Workload, handed: Mapping[str, Snapshot], saved: Mapping[str, Saved], journal: Journal
) -> Workload:
    """What can be loaded; the journal gets the others, with the reason why nothing was saved."""
    left: list[Batch] = []
    known: list[Result] = []
    for batch in loads.batches:
        there = [c for c in batch.cells if f"{c.repro.name}/{c.case.name}" in handed]
        known += [
            _not_saved(cell, batch.environment.id, saved.get(release_that_saved(cell.case.name)))
            for cell in batch.cells
            if cell not in there
        ]
        left += [evolve(batch, cells=tuple(there))] if there else []
    journal.append_known((result, "") for result in known)
    return Workload(batches=tuple(left), known=())


def _not_saved(cell: Cell, environment: str, saved: Optional[Saved]) -> Result:
    """A row without files: a skip, or an error where it could not be measured what is saved."""
    if saved is None:
        return skipped_result(
            cell,
            environment,
            f"nothing was saved: {release_that_saved(cell.case.name)} was not run here",
        )
    unmade = skipped_result if saved.measured else unmeasurable_result
    return unmade(cell, environment, f"nothing was saved: {saved.why_not}")


def _check_saved(script: Path, saved: Mapping[str, Saved]) -> None:
    """Raises `UsageError` if the script ran and left nothing on any release."""
    if saved and all(one.measured and not one.files for one in saved.values()):
        why = next(iter(saved.values())).why_not
        raise UsageError(
            f"{script} saved nothing on any of {count(len(saved), 'release')}: {why}",
            remedy="it must leave files in its working folder"
            if why.startswith("it left")
            else None,
        )
