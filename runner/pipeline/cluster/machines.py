"""A cluster's worker as a machine of the pool, which may be lost at any moment."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import suppress
from typing import Any, TypeVar

from runner.environments import sizes
from runner.machine.units import size_text
from runner.model import Device, Environment, Target
from runner.pipeline.cluster import service
from runner.pipeline.cluster.messages import WorkerInfo
from runner.pipeline.task_machine import Machine, MachineLost

T = TypeVar("T")

USABLE = 0.6
"""Cells may be planned to fill this share of a machine's free memory."""


class SchedulerLost(MachineLost):
    """No worker can be reached, because the scheduler cannot."""


class Remote(Machine):
    """A worker as a machine."""

    def __init__(
        self, client: Any, address: str, about: WorkerInfo, engine: str, threads: int
    ) -> None:
        super().__init__(USABLE * about.memory_mb)
        self.name = about.name
        self.address = address
        self.threads = threads
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

    def request(self, fn: Callable[..., T], *args: Any, beside: bool = False) -> T:
        """Runs `fn` there and waits. Raises what it raises, or `MachineLost`.

        It runs in a thread that measures; with `beside`, beside these.
        """
        if self.lost:
            raise self._lost()
        reply = self._reply(service.message(fn, args, beside=beside))
        if not isinstance(reply, dict):  # an error, or another process has the worker's address
            raise self._lost(pickle.loads(reply) if reply else "")
        answer: T = service.result(reply)
        return answer

    def aside(self, fn: Callable[..., T], *args: Any) -> T:
        """Like `request`, beside what is measured, because `fn` may have to end it. Any error
        counts as `MachineLost`."""
        try:
            return self.request(fn, *args, beside=True)
        except MachineLost:
            raise
        except Exception as error:
            raise self._lost(error) from None

    def hold(self) -> None:
        """Lets Dask take the worker as busy until the machine is lost."""
        task = service.hold(self._client, self.address)
        self._left.add_done_callback(lambda _: task.release())

    def _reply(self, message: dict[str, Any]) -> Any:
        """The reply to a message; the pickled error if the scheduler cannot reach the worker."""
        sending = self._send(message)
        try:
            loop = self._client.loop.asyncio_loop
            replies = asyncio.run_coroutine_threadsafe(sending, loop)
        except RuntimeError as error:  # the client is closed
            sending.close()
            raise self._lost(error) from None
        wait((replies, self._left), return_when=FIRST_COMPLETED)
        if not replies.done():
            replies.cancel()
            raise self._lost()
        try:
            return replies.result()[self.address]
        except OSError as error:
            raise SchedulerLost(f"the scheduler is lost: {error}") from None
        except Exception as error:  # which one depends on the fault
            raise self._lost(error) from None

    async def _send(self, message: dict[str, Any]) -> Any:
        return await self._client.scheduler.broadcast(
            msg=message, workers=[self.address], on_error="return_pickle"
        )

    def _lost(self, why: object = "") -> MachineLost:
        return MachineLost(f"worker {self.name} is gone{f': {why}' if why else ''}")
