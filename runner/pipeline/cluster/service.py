"""Answers the calls of commands on a worker.

The calls come through the scheduler, but not as Dask tasks: a task takes five times as much
processor time, most of it the scheduler's. A call is `(function, arguments)`, pickled.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

OPERATION = "tfmatrix"
"""The operation's name in Dask's messages."""
DASK_WORKER: ContextVar[Any] = ContextVar("DASK_WORKER")
"""The worker that answers the present call."""
LOOK = 0.5
"""Seconds between two checks of a hold."""


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
        self._worker = dask_worker
        self._measuring = dask_worker.executors["default"]

    async def answer(self, call: bytes, beside: bool) -> dict[str, bytes]:
        submit = _in_new_thread if beside else self._measuring.submit
        reply: dict[str, bytes] = await asyncio.wrap_future(submit(self._reply, call))
        return reply

    def _reply(self, call: bytes) -> dict[str, bytes]:
        DASK_WORKER.set(self._worker)
        try:
            fn, args = pickle.loads(call)
            return {"result": pickle.dumps(fn(*args))}
        except Exception as error:  # the command gets any error
            return {"error": _pickled(error)}


def _in_new_thread(
    fn: Callable[[bytes], dict[str, bytes]], call: bytes
) -> Future[dict[str, bytes]]:
    """Python does not wait for this thread at the worker's end, unlike for an executor's."""
    future: Future[dict[str, bytes]] = Future()
    future.set_running_or_notify_cancel()
    threading.Thread(target=lambda: future.set_result(fn(call)), daemon=True).start()
    return future


def _pickled(error: Exception) -> bytes:
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:  # errors of other libraries may fail in any way
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return content


# --- A worker that only answers calls looks idle to Dask ------------------------------------


def hold(client: Any, address: str) -> Any:
    """Keeps a worker busy for Dask until the returned task is released, or the client ends.

    Otherwise a scheduler with `--idle-timeout` would end during a run, and a cluster that adapts
    to its tasks would take the worker away.
    """
    # The scheduler unpickles a task's function. It needs no tfmatrix if it knows this one.
    key = f"{OPERATION}-{id(client):x}-{time.monotonic_ns()}"
    return client.submit(pickle.loads, pickle.dumps(_Held()), workers=[address], key=key)


class _Held:
    """Unpickled on a worker, it lasts as long as the task that does so."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _until_released, ()


def _until_released() -> None:
    from distributed import Status, get_worker, secede

    dask_worker = get_worker()
    task = dask_worker.state.tasks[dask_worker.get_current_task()]
    secede()  # another thread takes its place
    while task.state != "cancelled" and dask_worker.status in (Status.running, Status.paused):
        time.sleep(LOOK)
