"""Answers the calls of commands on a worker.

The calls come through the scheduler, but not as Dask tasks: a task takes five times as much
processor time, most of it the scheduler's. A call is `(function, arguments)`, pickled.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

OPERATION = "tfmatrix"
"""The operation's name in Dask's messages."""
BESIDE = 64
"""The most calls at a time that measure nothing."""
DASK_WORKER: ContextVar[Any] = ContextVar("DASK_WORKER")
"""The worker that answers the present call."""


def answer_calls(dask_worker: Any) -> None:
    """Lets the worker answer calls from now on."""
    if OPERATION not in dask_worker.handlers:
        dask_worker.handlers[OPERATION] = Service(dask_worker).answer


def message(fn: Callable[..., Any], args: tuple[Any, ...], *, beside: bool) -> dict[str, Any]:
    """A call as a message. `beside`: it need not wait until a thread that measures is free."""
    return {"op": OPERATION, "call": pickle.dumps((fn, args)), "beside": beside}


def result(reply: dict[str, bytes]) -> Any:
    """What the function returned. Raises what it raised."""
    if "error" in reply:
        raise pickle.loads(reply["error"])
    return pickle.loads(reply["result"])


class Service:
    """Carries out calls in threads: those that measure in Dask's own, which all commands share."""

    def __init__(self, dask_worker: Any) -> None:
        from distributed.threadpoolexecutor import ThreadPoolExecutor

        self._worker = dask_worker
        self._measuring = dask_worker.executors["default"]
        self._beside = ThreadPoolExecutor(BESIDE, thread_name_prefix="tfmatrix")

    async def answer(self, call: bytes, beside: bool) -> dict[str, bytes]:
        executor = self._beside if beside else self._measuring
        reply: dict[str, bytes] = await asyncio.wrap_future(executor.submit(self._reply, call))
        return reply

    def _reply(self, call: bytes) -> dict[str, bytes]:
        DASK_WORKER.set(self._worker)
        try:
            fn, args = pickle.loads(call)
            return {"result": pickle.dumps(fn(*args))}
        except Exception as error:  # the command gets any error
            return {"error": _pickled(error)}


def _pickled(error: Exception) -> bytes:
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:  # errors of other libraries may fail in any way
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return content
