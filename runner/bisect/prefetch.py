"""Prepares environments in the background, before it is known whether they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from runner.engines.base import Maker
from runner.errors import LockError, PrepareError
from runner.machine import processes
from runner.model import Target
from runner.pipeline import Lock


class Prefetch:
    """Prepares environments in the background. An error appears when the environment is needed."""

    def __init__(self, engine: Maker, lock: Lock) -> None:
        self._engine = engine
        self._lock = lock
        self._children = processes.Children()
        self._pool = ThreadPoolExecutor(2, "prefetch", initializer=self._children.own_thread)
        self._futures: dict[Target, Future[None]] = {}

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *_: object) -> None:
        """Stops all preparation, because nobody needs it any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._children.stop()
        self._pool.shutdown(wait=True)

    def prepare_next(self, targets: Iterable[Target]) -> None:
        """Prepares `targets`, which may be needed next, and drops earlier ones that have not
        started."""
        wanted = list(targets)
        for target in self._futures.keys() - wanted:
            if self._futures[target].cancel():
                del self._futures[target]
        for target in wanted:
            if target not in self._futures:
                self._futures[target] = self._pool.submit(self._prepare, target)

    def wait_for(self, target: Target) -> None:
        """Waits for `target` if it is being prepared, so that it is not prepared twice."""
        future = self._futures.pop(target, None)
        if future is not None and not future.cancel():
            future.result()

    def _prepare(self, target: Target) -> None:
        try:
            if self._engine.refuses(target) is None:
                self._engine.prepare(self._lock(target), lambda _: None)
        except (LockError, PrepareError, processes.Stopped):
            pass
