"""The functions that run on a cluster's workers. `worker_state` keeps their state between calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Optional

from runner import __version__, engines, paths
from runner.cells import snapshot
from runner.cells.snapshot.record import Snapshot
from runner.engines.base import Phase, Workspace
from runner.errors import PrepareError, TfmatrixError
from runner.machine import host
from runner.model import Environment, Execution, Target
from runner.pipeline import disk, events
from runner.pipeline.cluster import service
from runner.pipeline.cluster.messages import (
    Files,
    MakeReply,
    MakeRequest,
    MeasureReply,
    MeasureRequest,
    WorkerInfo,
)
from runner.pipeline.cluster.worker_state import CONNECTIONS, ConnectionState
from runner.pipeline.tasks import Measure, Prepare

TOPIC = "tfmatrix"
PACE = 0.25
"""At least this many seconds pass between two reports on the same phase of a preparation."""
GPU = "GPU"
"""The resource of workers with a GPU: `dask worker --resources GPU=1`."""


# --- Before anything is ordered ------------------------------------------------------------


async def about(dask_worker: Any) -> WorkerInfo:
    """What the worker is. It answers calls from now on."""
    service.answer_calls(dask_worker)
    limit = dask_worker.memory_manager.memory_limit
    wrong, free = await asyncio.to_thread(_engines)
    free_mb = host.free_memory_mb()
    return WorkerInfo(
        name=str(dask_worker.name),
        tool=__version__,
        agent=paths.agent_digest(),
        engines=wrong,
        disk=free,
        memory_mb=min(free_mb, limit / 2**20) if limit else free_mb,
        threads=int(dask_worker.state.nthreads),
        gpu=bool(dask_worker.state.total_resources.get(GPU)),
    )


def _engines() -> tuple[dict[str, str], dict[str, float]]:
    """Engine → why it cannot be used; engine → free bytes for its environments."""
    wrong = {name: engines.create(name).unavailable() or "" for name in engines.ENGINES}
    return wrong, {name: _free(name) for name in wrong if not wrong[name]}


def _free(engine: str) -> float:
    place = disk.environments_folder(engine)
    return float("inf") if place is None else float(host.free_bytes(place))


def refusals(engine: str, targets: Sequence[Target]) -> list[str]:
    """Why each target cannot be made there; "" if it can."""
    chosen = engines.create(engine)
    return [chosen.refuses(target) or "" for target in targets]


def prepared(engine: str, environments: Sequence[Environment]) -> list[bool]:
    """Which of the environments the worker has."""
    chosen = engines.create(engine)
    return [chosen.prepared(environment) for environment in environments]


def machine_keys(engine: str, environment: Environment) -> Sequence[str]:
    """The machine's part of the keys for the environment's cells."""
    return engines.create(engine).machine_keys(environment)


# --- The work ------------------------------------------------------------------------------


def make_environment(order: MakeRequest) -> MakeReply:
    """Makes an environment; returns at once if it exists."""
    with CONNECTIONS.using(order.link, order.engine, lambda: progress_sender(order.link)) as state:
        state.environments[order.environment.key] = order.environment
        try:
            state.site.prepare(Prepare(environment=order.environment))
        except (PrepareError, OSError) as error:
            log = getattr(error, "log", "")
            return MakeReply(wrong=str(error), log=log, engine_fault=_wrong(order.engine))
    return MakeReply(disk=_free(order.engine))


def keep_snapshot(files: Files) -> str:
    """Stores a snapshot for `measure`. Returns why it cannot; "" if it can."""
    try:
        snapshot.restore_snapshot(files.digest, files.contents, paths.snapshots())
    except OSError as error:
        return f"the script's files cannot be written: {error}"
    return ""


def measure(order: MeasureRequest) -> Optional[MeasureReply]:
    """Measures a cell; None if the needed files or environment are gone."""
    with CONNECTIONS.using(order.link, order.engine, lambda: progress_sender(order.link)) as state:
        try:
            environment, sent = state.environments.get(order.key), _snapshot(order, state)
            if environment is None or sent is None:
                return None
            execution = state.site.measure(
                Measure(
                    environment=environment,
                    cell=order.cell,
                    snapshot=sent,
                    mode=order.mode,
                    prologue=order.prologue,
                    repeat=order.repeat,
                    alone=order.alone,
                )
            )
        except (
            PrepareError,
            OSError,
        ) as error:  # Raised, the error would mean that the worker is lost.
            execution = Execution(trouble=f"the worker failed: {error}")
    wrong = _wrong(order.engine) if execution.trouble is not None else ""
    return MeasureReply(execution=execution, engine_fault=wrong)


def _snapshot(order: MeasureRequest, state: ConnectionState) -> Optional[Snapshot]:
    folder = paths.snapshots() / order.digest
    if not (folder / order.script).is_file():
        return None
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    sent = Snapshot(
        workspace=Workspace(folder=folder, script=order.script),
        digest=order.digest,
        files=tuple(sorted(map(str, files))) if order.live else (),
    )
    return state.renewed(order.cell.repro.name, sent) if order.live else sent


def _wrong(engine: str) -> str:
    return engines.create(engine).unavailable() or ""


# --- Afterwards ----------------------------------------------------------------------------


def release(link: str, key: str) -> None:
    """Ends the idle agents of an environment without remaining cells."""
    state = CONNECTIONS.get(link)
    if state is not None and key in state.environments:
        state.site.release(state.environments[key])


def remove_environment(link: str, key: str) -> float:
    """Removes an environment. Returns the free bytes afterwards."""
    state = CONNECTIONS.get(link)
    if state is None or key not in state.environments:
        return 0.0
    try:
        state.site.remove(state.environments[key])
    except (TfmatrixError, OSError):  # another program uses it
        return 0.0
    return _free(state.site.name)


def environment_size(link: str, key: str) -> int:
    state = CONNECTIONS.get(link)
    if state is None or key not in state.environments:
        return 0
    return state.site.disk_size(state.environments[key])


def end_connection(link: str, at_once: bool) -> None:
    CONNECTIONS.close(link, at_once=at_once)


# --- Progress ------------------------------------------------------------------------------


def progress_sender(link: str) -> events.Emit:
    """Returns a function that sends the progress of environments to the client."""
    worker = service.DASK_WORKER.get()
    said: dict[str, tuple[str, float]] = {}

    def emit(event: events.Event) -> None:
        if isinstance(event, events.Preparing):
            key, phase, now = event.environment.key, event.phase, time.monotonic()
            what, last = said.get(key, ("", 0.0))
            if what != phase.what or now - last > PACE:
                said[key] = (phase.what, now)
                worker.log_event(TOPIC, {"link": link, "key": key, **_fields(phase)})

    return emit


def _fields(phase: Phase) -> dict[str, Any]:
    amounts = {"done": phase.bytes_done, "total": phase.bytes_total}
    return {"what": phase.what, "detail": phase.detail, **amounts}
