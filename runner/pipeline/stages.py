"""The stages of a run between planning and reporting: look at the disk, then measure the cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Optional

from rich.console import Console

from runner.cells.flakiness import outliers
from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store
from runner.errors import UsageError
from runner.pipeline import adaptive, disk, display, events
from runner.pipeline.adaptive import ResultCollector
from runner.pipeline.backend import Backend, LocalBackend
from runner.pipeline.disk import Forecast
from runner.pipeline.options import Options
from runner.pipeline.pipeline import Pipeline
from runner.pipeline.site import Site
from runner.pipeline.workload import Work, Workload, newest_first
from runner.runs.journal import Journal


def fit_on_disk(
    backend: Backend, workload: Workload, limit: Optional[int], say: Callable[[str], None]
) -> tuple[Backend, Optional[Forecast]]:
    """Say what the disk will have to hold, before anything starts.

    The backend that keeps to `limit` bytes, and the forecast to keep to: of the limit, or of what
    is free where that is too little for all. Raises `UsageError` for a limit on a cluster, and
    `TfmatrixError` where something cannot fit at all.
    """
    if not isinstance(backend, LocalBackend):
        if limit is not None:
            raise UsageError(
                "--max-disk is about this machine's disk; a cluster's workers mind theirs"
            )
        return backend, None
    environments = [work.environment for work in workload.works]
    forecast = disk.forecast(backend.engine, environments, limit)
    for line in disk.lines(forecast):
        say(line)
    return backend, forecast if forecast.limit is not None else None


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
) -> None:
    """Measure what is to be measured; every result is in the journal when this returns."""
    cells = sum(len(work.cells) for work in workload.works)
    with display.make(console, cells) as show:
        results = ResultCollector(show)
        with backend.workers(results) as workers:
            pipeline = Pipeline(
                workers=workers,
                store=store,
                journal=journal,
                snapshots=snapshots,
                emit=results,
                options=options,
                forecast=forecast,
            )
            if explore == "full":
                pipeline.run(newest_first(workload.works))
            else:
                _measure_in_rounds(pipeline, workload, results, options)
            pipeline.run(_to_confirm(workload.works, results, workers.site), confirm=True)
        if explore != "full":
            _infer_rest(workload, results, journal, show, console)


def _measure_in_rounds(
    pipeline: Pipeline, workload: Workload, results: ResultCollector, options: Options
) -> None:
    """Measure the cells from which the others can be inferred."""
    rounds = adaptive.rounds(
        workload.works,
        results,
        stored=lambda work, cell: pipeline.stored(work, cell) is not None,
        whole=options.keep is not None,
    )
    for works in rounds:
        pipeline.run(newest_first(works))


def _infer_rest(
    workload: Workload,
    results: ResultCollector,
    journal: Journal,
    show: events.Emit,
    console: Console,
) -> None:
    """Put into the journal what was inferred, and say how much was measured."""
    measured = len(results.results)
    cells = sum(len(work.cells) for work in workload.works)
    for result in adaptive.infer_rest(workload.works, results):
        show(events.Ended(result=journal.append(result, "", sync=False)))
    console.print(f"{measured} of {cells} cells measured, the others inferred", highlight=False)


def _to_confirm(works: Sequence[Work], results: ResultCollector, site: Site) -> list[Work]:
    """The cells that no neighbour agrees with, where their environment is still there."""
    odd = outliers.outliers(tuple(results.results.values()))
    return [work for work in adaptive.of_results(works, odd) if site.readiness(work.environment)]
