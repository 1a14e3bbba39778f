"""Runs controls after all cells, in the same run and the same journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Optional

from attrs import evolve, frozen

from runner.engines.base import Maker
from runner.environments import sizes
from runner.machine.units import size_text
from runner.matrix import controls
from runner.matrix.vary import PYTHON
from runner.model import Cell, Result, Target, pinned_version
from runner.pipeline.pipeline import Pipeline
from runner.pipeline.workload import Batch, Lock, Workload, arrange
from runner.report.text import listed
from runner.runs.journal import Journal

_BytesNeeded = Callable[[Sequence[Batch]], float]


@frozen(kw_only=True)
class ControlPlan:
    """The data for planning controls, and a function that tells the user."""

    lock: Lock
    say: Callable[[str], None]
    most_bytes: Optional[float] = None
    """The most bytes that environments of controls may take on this machine's disk; None: no
    limit."""


def run_controls(
    wanted: ControlPlan,
    batches: Sequence[Batch],
    results: Iterable[Result],
    engine: Maker,
    pipeline: Pipeline,
    journal: Journal,
) -> None:
    """Runs controls that show the cause of changes among `results`; one environment more for
    each."""
    pairs = list(_pairs(batches, results))
    if not pairs:
        return
    bytes_needed = partial(_bytes_needed, engine=engine, pipeline=pipeline)
    load = _load(wanted, pairs, engine, bytes_needed)
    if load.batches:
        named = dict.fromkeys(_named(cell) for batch in load.batches for cell in batch.cells)
        need = bytes_needed(load.batches)
        on_disk = f"; about {size_text(need)} on disk" if need else ""
        wanted.say(f"to tell what changes come from: {listed(list(named))}{on_disk}")
    with journal.controls():
        journal.append_known((result, "") for result in load.known)
        for batch in load.batches:
            journal.keep_environment(batch.environment)
        pipeline.run(load.batches)


def _pairs(batches: Sequence[Batch], results: Iterable[Result]) -> Iterable[tuple[Cell, Cell]]:
    planned = {
        (cell.repro.name, cell.case.name, batch.environment.id): (cell, batch.environment)
        for batch in batches
        for cell in batch.cells
    }
    for change in controls.changes(results):
        before, after = (planned.get(each.planned_id) for each in (change.before, change.after))
        if before is None or after is None:
            continue
        here, there = (dict(map(pinned_version, each[1].packages)) for each in (before, after))
        yield from controls.controls(before[0], after[0], (here, there))


def _load(
    wanted: ControlPlan,
    pairs: Sequence[tuple[Cell, Cell]],
    engine: Maker,
    bytes_needed: _BytesNeeded,
) -> Workload:
    """The first of each pair that can run, and all that cannot."""
    first = _arranged(wanted, [pair[0] for pair in pairs], engine, bytes_needed)
    possible = {_key(cell) for batch in first.batches for cell in batch.cells}
    others = [other for one, other in pairs if other.skip or _key(one) not in possible]
    if wanted.most_bytes is not None:
        left = wanted.most_bytes - bytes_needed(first.batches)
        wanted = evolve(wanted, most_bytes=left)
    second = _arranged(wanted, others, engine, bytes_needed)
    return Workload(batches=(*first.batches, *second.batches), known=(*first.known, *second.known))


def _arranged(
    wanted: ControlPlan, cells: Sequence[Cell], engine: Maker, bytes_needed: _BytesNeeded
) -> Workload:
    each_once = {_key(cell): cell for cell in cells}
    load = arrange(list(each_once.values()), engine, wanted.lock)
    if wanted.most_bytes is None:
        return load
    return evolve(load, batches=tuple(_fitting(load.batches, bytes_needed, wanted.most_bytes)))


def _fitting(
    batches: Iterable[Batch], bytes_needed: _BytesNeeded, most_bytes: float
) -> Iterator[Batch]:
    for batch in batches:
        need = bytes_needed([batch])
        if need <= most_bytes:
            most_bytes -= need
            yield batch


def _bytes_needed(batches: Sequence[Batch], engine: Maker, pipeline: Pipeline) -> float:
    """Bytes for the environments that are missing; none for one whose cells are all answered."""
    missing = [
        batch.environment
        for batch in batches
        if not engine.prepared(batch.environment)
        and any(pipeline.stored(batch, cell) is None for cell in batch.cells)
    ]
    return sizes.bytes_needed(engine.name, missing)


def _key(cell: Cell) -> tuple[str, str, Target]:
    return cell.repro.name, cell.case.name, cell.target


def _named(cell: Cell) -> str:
    name, _, version = cell.case.variant.name.rpartition(",")[2].partition("=")
    what = f"on Python {version}" if name == PYTHON else f"with {name} {version}"
    return f"{cell.target.release.version} {what}"
