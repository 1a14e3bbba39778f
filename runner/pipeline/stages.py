"""The stages of a run between planning and reporting: check the disk, then measure the cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Optional

from attrs import evolve
from rich.console import Console

from runner.cells.flakiness import outliers
from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store
from runner.errors import UsageError
from runner.machine.units import count
from runner.pipeline import adaptive, disk, display, events
from runner.pipeline.adaptive import ResultCollector
from runner.pipeline.backend import Backend, LocalBackend
from runner.pipeline.controls import ControlPlan, run_controls
from runner.pipeline.demand import Demand
from runner.pipeline.disk import Forecast
from runner.pipeline.options import Options
from runner.pipeline.pipeline import Pipeline
from runner.pipeline.recorder import Collect, ignore
from runner.pipeline.site import Site
from runner.pipeline.workload import Batch, Workload, newest_first
from runner.runs.journal import Journal


def fit_on_disk(
    backend: Backend, demand: Demand, limit: Optional[int], say: Callable[[str], None]
) -> tuple[Backend, Optional[Forecast]]:
    """Tells the user what the disk will have to hold, before anything starts.

    Returns the backend that keeps to `limit` bytes, and the forecast. The forecast's limit is
    `limit`, or the free space if that is too small for all. Raises `UsageError` for a limit on a
    cluster, and `TfmatrixError` if something cannot fit at all.
    """
    if not isinstance(backend, LocalBackend):
        if limit is not None:
            raise UsageError(
                "--max-disk is about this machine's disk, not about those of a cluster's workers"
            )
        return backend, None
    environments = demand.environments_on_disk(backend.engine)
    forecast = disk.forecast(backend.engine, environments, limit)
    for line in disk.forecast_lines(forecast):
        say(line)
    return backend, forecast if forecast.limit is not None else None


def renewed_forecast(backend: Backend, forecast: Optional[Forecast]) -> Optional[Forecast]:
    """The same limit for what follows, after environments were made and others removed."""
    if forecast is None or not isinstance(backend, LocalBackend):
        return None
    return forecast.renewed(backend.engine)


def carry_out(
    backend: Backend,
    workload: Workload,
    journal: Journal,
    *,
    store: Store,
    snapshots: Mapping[str, Snapshot],
    options: Options,
    console: Console,
    forecast: Optional[Forecast] = None,
    explore: str = "full",
    controls: Optional[ControlPlan] = None,
    collect: Collect = ignore,
) -> None:
    """Measures the cells; when this returns, every result is in the journal."""
    cells = sum(len(batch.cells) for batch in workload.batches)
    with display.make_display(console, cells) as show:
        results = ResultCollector(show)
        with backend.workers(results) as workers:
            make = partial(
                Pipeline,
                workers=workers,
                store=store,
                journal=journal,
                snapshots=snapshots,
                options=options,
                collect=collect,
            )
            pipeline = make(emit=results, forecast=forecast)
            if explore == "full":
                pipeline.run(newest_first(workload.batches))
            else:
                _measure_in_rounds(pipeline, workload, results, options)
            pipeline.run(_to_confirm(workload.batches, results, workers.site), confirm=True)
            if controls is not None:
                found = [*results.results.values()]
                bounded = evolve(controls, most_bytes=_bytes_for_controls(backend, forecast))
                rest = evolve(options, keep=pipeline.keepable)
                other = make(emit=_without_ends(results), options=rest)
                run_controls(bounded, workload.batches, found, backend.engine, other, journal)
        if explore != "full":
            _infer_rest(workload, results, journal, show, console)


def _bytes_for_controls(backend: Backend, forecast: Optional[Forecast]) -> Optional[float]:
    """The bytes for environments of controls; 0 if the run's own environments hardly fit."""
    if forecast is not None:
        return 0
    local = isinstance(backend, LocalBackend)
    free = disk.free_bytes(backend.engine.name) if local else None
    return None if free is None else disk.USABLE * free


def _without_ends(emit: events.Emit) -> events.Emit:
    """`emit` without ended cells, because controls do not belong to the counted cells."""

    def other(event: events.Event) -> None:
        if not isinstance(event, events.Ended):
            emit(event)

    return other


def _measure_in_rounds(
    pipeline: Pipeline, workload: Workload, results: ResultCollector, options: Options
) -> None:
    """Measures the cells from which the others can be inferred."""
    rounds = adaptive.rounds(
        workload.batches,
        results,
        stored=lambda batch, cell: pipeline.stored(batch, cell) is not None,
        whole=options.keep is not None,
    )
    for batches in rounds:
        pipeline.run(newest_first(batches))


def _infer_rest(
    workload: Workload,
    results: ResultCollector,
    journal: Journal,
    show: events.Emit,
    console: Console,
) -> None:
    """Writes inferred results to the journal, and tells how many cells were measured."""
    measured = len(results.tests)
    cells = sum(len(batch.cells) for batch in workload.batches)
    for result in adaptive.infer_rest(workload.batches, results):
        show(events.Ended(result=journal.append(result, "", sync=False)))
    console.print(
        f"{measured} of {count(cells, 'cell')} measured, the others inferred", highlight=False
    )


def _to_confirm(batches: Sequence[Batch], results: ResultCollector, site: Site) -> list[Batch]:
    """Cells that differ from both neighbours, if their environment still exists."""
    odd = outliers.outliers(tuple(results.results.values()))
    return [
        batch
        for batch in adaptive.batches_of_results(batches, odd, results)
        if site.readiness(batch.environment)
    ]
