"""Planned cells → batches, and results that need no run.

A batch is a locked environment with its cells. Results without a run are skips, and cells whose
packages cannot be resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Optional, Union

from attrs import frozen

from runner.cells.results import skipped_result, unmeasurable_result
from runner.engines.base import Maker
from runner.environments import locks
from runner.errors import BoundError, LockError
from runner.machine import processes
from runner.model import Cell, Environment, EnvironmentInfo, Result, Target

Lock = Callable[[Target], Environment]


@frozen(kw_only=True)
class Batch:
    """One environment and the cells to measure in it."""

    environment: Environment
    cells: tuple[Cell, ...]


@frozen(kw_only=True)
class Workload:
    batches: tuple[Batch, ...]
    known: tuple[Result, ...]


def arrange(planned: Sequence[Cell], engine: Maker, lock: Lock) -> Workload:
    """Sorts the cells into batches and known results. Locks in
    parallel, because resolving takes seconds."""
    wanted = {cell.target: None for cell in planned if cell.skip is None and cell.lacks is None}
    refused = {target: engine.refuses(target) for target in wanted}
    possible = [target for target, why in refused.items() if why is None]
    locked = dict(zip(possible, _locked(possible, lock)))
    batches: dict[Target, list[Cell]] = {}
    known = []
    for cell in planned:
        result = _foregone(cell, refused.get(cell.target), locked.get(cell.target))
        if result is None:
            batches.setdefault(cell.target, []).append(cell)
        else:
            known.append(result)
    return Workload(
        batches=tuple(
            Batch(environment=_environment(locked[target]), cells=tuple(cells))
            for target, cells in batches.items()
        ),
        known=tuple(known),
    )


def _locked(targets: Sequence[Target], lock: Lock) -> Sequence[Union[Environment, LockError]]:
    """For each target, its environment or the error of locking it. Ctrl-C ends the resolving."""
    children = processes.Children()
    with ThreadPoolExecutor(4, "lock", initializer=children.own_thread) as pool:
        try:
            return list(pool.map(lambda target: _try(lock, target), targets))
        except BaseException:
            children.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def environment_infos(
    batches: Iterable[Batch], known: Iterable[Result], engine: Maker, released: dict[str, str]
) -> tuple[EnvironmentInfo, ...]:
    """The facts about every environment for reports, even if all its cells are skipped."""
    infos = {
        batch.environment.id: EnvironmentInfo(
            id=batch.environment.id,
            tensorflow=batch.environment.target.release.version,
            python=batch.environment.target.python,
            device=batch.environment.target.device.value,
            engine=engine.name,
            key=batch.environment.key,
            image=engine.image(batch.environment),
            packages=batch.environment.packages,
            released=released.get(batch.environment.target.release.version, ""),
            notes=locks.environment_notes(batch.environment),
        )
        for batch in batches
    }
    for result in known:
        if result.environment not in infos:
            infos[result.environment] = EnvironmentInfo(
                id=result.environment,
                tensorflow=result.tensorflow,
                python=result.python,
                device=result.device,
                engine=engine.name,
                key="",
                image=None,
                packages=(),
                released=released.get(result.tensorflow, ""),
            )
    return tuple(infos.values())


def newest_first(batches: Iterable[Batch]) -> list[Batch]:
    """The newest release first: newer ones install more packages and import more slowly."""
    return sorted(batches, key=lambda batch: batch.environment.target.release.parsed, reverse=True)


def _foregone(
    cell: Cell, refusal: Optional[str], locked: Union[Environment, LockError, None]
) -> Optional[Result]:
    if cell.skip is not None or refusal is not None:
        return skipped_result(cell, cell.target.label, cell.skip or refusal or "")
    if cell.lacks is not None:
        return unmeasurable_result(cell, cell.target.label, cell.lacks)
    if isinstance(locked, BoundError):
        return skipped_result(cell, cell.target.label, locked.message)
    if isinstance(locked, LockError):
        return unmeasurable_result(cell, cell.target.label, locked.one_line)
    return None


def _try(lock: Lock, target: Target) -> Union[Environment, LockError]:
    try:
        return lock(target)
    except LockError as error:
        return error


def _environment(locked: Union[Environment, LockError]) -> Environment:
    assert isinstance(locked, Environment)
    return locked
