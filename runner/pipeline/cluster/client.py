"""Connects to a Dask scheduler: the user's, or one that is started here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from runner.errors import TfmatrixError, UsageError

CONNECT = 20.0
"""Seconds within which the scheduler must answer and a first worker must join."""
PATIENCE = 60.0
"""Seconds within which a scheduler or workers must be back after they were lost."""
INSTALL = "pip install 'tfmatrix[cluster]'"


@contextmanager
def client(address: str) -> Iterator[Any]:
    """A client for the scheduler at `address`; for `local:N`, of one started here with N
    workers."""
    try:
        import distributed
    except ImportError:
        raise UsageError("--cluster needs Dask", remedy=INSTALL) from None
    kind, _, count = address.partition(":")
    if kind == "local":
        with _started_here(_number(count)) as cluster, _to(cluster, distributed) as dask:
            yield dask
    else:
        with _to(address, distributed) as dask:
            yield dask


@contextmanager
def _to(address: Any, distributed: Any) -> Iterator[Any]:
    try:
        if isinstance(address, str):
            # A client that cannot connect waits another 40 s when Python removes it. This thread
            # may have its own event loop, so another thread tries the connection first.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _greet(address)).result()
        dask = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:  # depends on the fault
        raise TfmatrixError(
            f"no Dask scheduler can be reached at {address}: {error}",
            remedy="start one: dask scheduler; and on each machine: dask worker ADDRESS",
        ) from None
    try:
        yield dask
    finally:
        dask.close(timeout=5)


async def _greet(address: str) -> None:
    """Connects to a scheduler and disconnects. Raises what Dask raises if that fails."""
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    comm = await connect(address, timeout=CONNECT, **arguments)
    await comm.close()


@contextmanager
def _started_here(count: int) -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        preload=["runner.pipeline.cluster.preload"],
    ) as cluster:
        yield cluster


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 256:
        raise UsageError(f"--cluster local:{text} has no number of workers", remedy="local:2")
    return int(text)
