"""A worker's state for each connection: its agents, and the files that it was sent."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Optional

from attrs import define, evolve, field

from runner import engines, paths
from runner.cells.flakiness.confirmations import OnDisk
from runner.cells.snapshot.record import Snapshot
from runner.cells.watch_folder import WatchFolder
from runner.machine import host, processes
from runner.model import Environment
from runner.pipeline import events
from runner.pipeline.local_site import LocalSite

IDLE = 600.0
"""A connection without requests for this many seconds is ended: its client may be dead."""
LOOK = 5.0
"""Seconds between two checks for idle connections."""
WARM = 0.25
"""Idle agents may hold this share of the free memory."""


@define(kw_only=True, eq=False)
class ConnectionState:
    """The state of one connection. A thread that works for it holds `using`."""

    link: str
    site: LocalSite
    environments: dict[str, Environment] = field(factory=dict)
    live: dict[str, tuple[WatchFolder, Snapshot]] = field(factory=dict)
    lock: threading.Lock = field(factory=threading.Lock)
    users: int = 0
    last: float = field(factory=time.monotonic)

    def renewed(self, repro: str, snapshot: Snapshot) -> Snapshot:
        """The same files, in the folder of the repro's last snapshot."""
        with self.lock:
            live, now = self.live.get(repro, (None, None))
            if live is None or now is None or now.digest != snapshot.digest:
                folder = paths.watch() / f"{self.link}-{len(self.live)}"
                live = live or WatchFolder(folder)
                now = live.renew(snapshot)
                self.live[repro] = (live, now)
            return evolve(snapshot, workspace=now.workspace)

    def close(self) -> None:
        self.site.close()
        for live, _ in self.live.values():
            live.remove()


class Connections:
    """All connections of a worker process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, ConnectionState] = {}
        self._over: deque[str] = deque(maxlen=1000)
        self._minding = False

    @contextmanager
    def using(
        self, link: str, engine: str, emit: Callable[[], events.Emit]
    ) -> Iterator[ConnectionState]:
        """The state of a connection, created at its first request. Raises `Stopped` after its
        end."""
        state = self._enter(link, engine, emit)
        try:
            yield state
        finally:
            with self._lock:
                state.users -= 1
                state.last = time.monotonic()
                over = link in self._over
            if over:  # It ended during the call, so nobody uses its files any more.
                state.close()

    def get(self, link: str) -> Optional[ConnectionState]:
        return self._states.get(link)

    def close(self, link: str, *, at_once: bool) -> None:
        """Ends a connection and its agents."""
        with self._lock:
            self._over.append(link)
            state = self._states.pop(link, None)
        if state is not None:
            if at_once:
                state.site.stop()
            state.close()

    def _enter(self, link: str, engine: str, emit: Callable[[], events.Emit]) -> ConnectionState:
        with self._lock:
            if link in self._over:
                raise processes.Stopped
            if link not in self._states:
                self._states[link] = ConnectionState(link=link, site=_site(engine, emit()))
            if not self._minding:
                self._minding = True
                threading.Thread(target=self._mind, name="idle", daemon=True).start()
            state = self._states[link]
            state.users += 1
            return state

    def _mind(self) -> None:
        """Ends connections that sent no request for a long time."""
        while True:
            time.sleep(LOOK)
            long_ago = time.monotonic() - IDLE
            with self._lock:
                gone = [s for s in self._states.values() if not s.users and s.last < long_ago]
                for state in gone:
                    del self._states[state.link]
                self._minding = bool(self._states)
            for state in gone:
                state.close()
            if not self._minding:
                return


def _site(engine: str, emit: events.Emit) -> LocalSite:
    warm = WARM * host.free_memory_mb()
    return LocalSite(
        engines.create(engine), emit, warm_mb=warm, confirmations=OnDisk(paths.confirmed())
    )


CONNECTIONS = Connections()
