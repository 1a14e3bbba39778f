"""Runs slow calls in executors; the thread that waits for them handles their results."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from functools import partial
from queue import SimpleQueue
from typing import Any

from runner.errors import TfmatrixError

Follow = Callable[[Future[Any]], None]


class Calls:
    """The calls that have not ended. Only `cancel` may be called from any thread."""

    def __init__(self) -> None:
        self._futures: set[Future[Any]] = set()
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def submit(
        self, executor: Executor, call: Callable[[Any], Any], argument: object, then: Follow
    ) -> None:
        """Runs `call(argument)` in the executor, and then `then` in the waiting thread."""
        try:
            future = executor.submit(call, argument)
        except RuntimeError as error:  # no thread can be started
            remedy = "free memory, or run fewer at a time: --jobs 1"
            raise TfmatrixError(str(error), remedy=remedy) from error
        self._futures.add(future)
        future.add_done_callback(lambda done: self._done.put(partial(self._end, done, then)))

    def wait_for_next(self) -> None:
        """Waits until a call ends, and runs its `then`."""
        self._done.get()()

    def cancel(self) -> None:
        """Cancels the calls that have not begun."""
        for future in list(self._futures):
            future.cancel()

    def wait_for_all(self, timeout: float) -> None:
        """Waits at most `timeout` seconds for all calls, and runs the `then` of each that ended."""
        wait(list(self._futures), timeout=timeout)
        while not self._done.empty():
            self._done.get()()

    def _end(self, future: Future[Any], then: Follow) -> None:
        self._futures.discard(future)
        then(future)
