"""A cluster's worker as a machine of the pool, which may be lost at any moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, InvalidStateError, wait
from contextlib import suppress
from typing import Any, Optional, TypeVar

from runner.environments import sizes
from runner.machine.units import size_text
from runner.model import Device, Environment, Target
from runner.pipeline.cluster import worker
from runner.pipeline.cluster.messages import WorkerInfo
from runner.pipeline.task_machine import Machine, MachineLost

T = TypeVar("T")
USABLE = 0.6
"""Cells may be planned to fill this share of a machine's free memory."""
ANSWER = 30.0
"""Seconds within which the result of an ended call must arrive."""


class Remote(Machine):
    """A worker as a machine; its calls are Dask tasks bound to it."""

    def __init__(self, client: Any, address: str, about: WorkerInfo, engine: str) -> None:
        super().__init__(USABLE * about.memory_mb)
        self.name = about.name
        self.address = address
        self.threads = about.threads
        self.gpu = about.gpu
        self.disk = about.disk.get(engine, 0.0)
        self.refused: dict[str, str] = {}
        """Key of an environment → why the worker could not make it."""
        self.disproved = 0
        """Environments that the worker failed to make but another one made."""
        self.unfit = ""
        """Why it gets no more tasks although it runs; "" if it can be used."""
        self.keys: dict[str, Sequence[str]] = {}
        """Python → the machine's part of its cells' keys."""
        self.impossible: dict[Target, str] = {}
        """Targets that its engine refuses, and the reasons."""
        self.given: set[str] = set()
        """Keys of the environments that it made for this connection."""
        self.snapshots: set[str] = set()
        """Digests of the snapshots that it has."""
        self.lock = threading.Lock()
        self.seconds: Callable[[str], float] = lambda _: 0.0
        """Key of an environment → the seconds that making it will probably take."""
        self._engine = engine
        self._client = client
        self._needs: dict[str, float] = {}
        self._making: set[str] = set()
        self._left: Future[None] = Future()
        """Set when the machine is lost."""

    # -- calls of the pool ---------------------------------------------------------------------

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Calls a method of the site, which gets this machine as an additional argument."""
        return fn(*args, self)

    def takes(self, task: Any) -> bool:
        return not self.why_not(task.environment)

    def price(self, task: Any) -> float:
        return 0.0 if task.group in self.holds else self.seconds(task.group)

    def mark_lost(self) -> None:
        super().mark_lost()
        with suppress(InvalidStateError):  # another pool has already noticed it
            self._left.set_result(None)

    def why_not(self, environment: Environment) -> str:
        """Why the environment's cells cannot be measured there; "" if they can."""
        key, target = environment.key, environment.target
        if target.device is Device.CUDA and not self.gpu:
            return "it has no GPU"
        why = self.refused.get(key) or self.impossible.get(target)
        if why or key in self.holds or key in self._making:
            return why or ""
        need = self._need(environment)
        free = self.disk - sum(map(self._needs.__getitem__, list(self._making)))
        return (
            ""
            if free > need
            else f"{size_text(need)} are needed on its disk, {size_text(free)} free"
        )

    def _need(self, environment: Environment) -> float:
        if environment.key not in self._needs:
            self._needs[environment.key] = sizes.bytes_needed(self._engine, [environment])
        return self._needs[environment.key]

    # -- calls of the site ----------------------------------------------------------------

    def begin(self, environment: Environment) -> None:
        """Counts the environment's disk space as used from now on."""
        self._need(environment)
        self._making.add(environment.key)

    def ended(self, environment: Environment) -> None:
        self._making.discard(environment.key)

    def request(self, fn: Callable[..., T], *args: Any) -> T:
        """Runs `fn` there and waits. Raises what it raises, or `MachineLost`."""
        if self.lost:
            raise self._lost()
        try:
            future = self._client.submit(fn, *args, workers=[self.address], pure=False)
            answer: T = self._result(future)
            return answer
        except _gone() as error:
            raise self._lost(error) from None

    def _result(self, future: Any) -> Any:
        """The result of a submitted call, after it has arrived."""
        try:
            ended: Future[None] = Future()
            future.add_done_callback(lambda _: ended.set_result(None))
            self._wait_for(ended)
            # The machine may be lost by now. The scheduler then cannot fetch the result and
            # would repeat the call, but on no other machine.
            answer = self._fetch(future)
            self._wait_for(answer, ANSWER)
            return answer.result()
        except MachineLost:
            future.cancel()
            raise

    def _wait_for(self, future: Future[Any], seconds: Optional[float] = None) -> None:
        """Waits until the call ends or the machine is lost."""
        wait((future, self._left), seconds, FIRST_COMPLETED)
        if not future.done():
            raise self._lost()

    def _fetch(self, future: Any) -> Future[Any]:
        """The result of an ended call. It is never cancelled,
        because Dask fetches several together."""
        if future.cancelled():
            raise CancelledError
        fetching = self._client.gather(future, asynchronous=True)
        return asyncio.run_coroutine_threadsafe(fetching, self._client.loop.asyncio_loop)

    def _lost(self, why: object = "") -> MachineLost:
        return MachineLost(f"worker {self.name} is gone{f': {why}' if why else ''}")

    def aside(self, fn: Callable[..., T], *args: Any) -> T:
        """Like `request`, but beside the worker's tasks, because `fn` may have to end them."""
        gone: tuple[type[BaseException], ...] = (KeyError, ValueError, RuntimeError, *_gone())

        async def call() -> Any:
            return await self._client.run(worker.aside, fn, *args, workers=[self.address])

        try:
            # Dask's own `run` waits forever if the client is closed meanwhile.
            loop = self._client.loop.asyncio_loop
            answers = asyncio.run_coroutine_threadsafe(call(), loop)
            self._wait_for(answers)
            answer: T = answers.result()[self.address]
            return answer
        except gone as error:
            raise self._lost(error) from None


def _gone() -> tuple[type[BaseException], ...]:
    """The errors that Dask raises if a worker or the scheduler no longer answers."""
    from dask.distributed import TimeoutError as TooLate
    from distributed.scheduler import KilledWorker

    return (KilledWorker, TooLate, CancelledError, OSError)
