"""The common part of all channels to agents: lines wait until they are received."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Optional

from runner.engines.base import ChannelClosed

LINE_MOST = 16 << 20
LINES_MOST = 8
"""Lines that may wait; then nothing more is read until one is received."""
_LAST_WORDS = 8 << 10


def shown_in_cells(scratch: str) -> dict[str, str]:
    """The name in records of a cell's working directory, which lies in `scratch`."""
    return {f"{scratch}/scratch/repro": "/repro"}


def shown_here(root: str, scratch: str) -> dict[str, str]:
    """The names in records, as in a container, of an agent's folders on this machine."""
    return {**shown_in_cells(scratch), root: "/repro", scratch: "/tmp/cells"}


class LineChannel(ABC):
    """The receiving half of a `Channel`, and its end. Subclasses define how bytes travel.

    One thread of the subclass calls `_hear` with each text of the agent, and `_hang_up` at the end.
    """

    warm = False

    def __init__(self, *, root: str, shown: Mapping[str, str]) -> None:
        self.root = root
        # Longest first, since one of these folders may lie in another.
        real = {os.path.realpath(path): instead for path, instead in shown.items()}
        self.shown: Mapping[str, str] = dict(
            sorted({**real, **shown}.items(), key=lambda pair: -len(pair[0]))
        )
        self._lines: deque[bytes] = deque()
        self._rest = bytearray()
        self._last_words = bytearray()
        self._news = threading.Condition()
        self._ended = False
        self._closed = False
        self._closing = threading.Lock()
        self._why = ""

    @property
    def waiting(self) -> int:
        """Lines that nobody has received yet."""
        return len(self._lines)

    def receive(self, timeout: float) -> Optional[bytes]:
        with self._news:
            self._news.wait_for(lambda: self._lines or self._ended, max(0.0, timeout))
            if self._lines:
                line = self._lines.popleft()
                self._news.notify_all()
                return line
            if not self._ended:
                return None
        raise self._gone()

    def damage(self) -> Optional[str]:
        return None

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._hang_up()  # a receiver that waits for a line need not wait for the rest
        self._end()

    @abstractmethod
    def _end(self) -> None:
        """End the agent and all that it started. Called once; never raises."""

    @abstractmethod
    def _how(self) -> ChannelClosed:
        """How the agent ended by itself, as far as known, without its last words."""

    # -- what the agent says ---------------------------------------------------------------------

    def _hear(self, data: bytes) -> bool:
        """Take the bytes, and wait while too many lines wait. Returns False at the end."""
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._put(bytes(line))
        if len(self._rest) > LINE_MOST:
            self._why = f"the agent sent a line of more than {LINE_MOST >> 20} MiB"
        return not self._why and not self._closed

    def _put(self, line: bytes) -> None:
        with self._news:
            self._news.wait_for(lambda: len(self._lines) < LINES_MOST or self._closed)
            self._lines.append(line)
            self._news.notify_all()

    def _hear_last_words(self, data: bytes) -> None:
        self._last_words += data
        del self._last_words[:-_LAST_WORDS]

    def _hang_up(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _gone(self) -> ChannelClosed:
        if self._closed:
            return ChannelClosed("it was closed")
        end = self._how()
        how = self._why or str(end)
        words = self._last_words.decode("utf-8", "replace").strip()
        return ChannelClosed(f"{how}: {words}" if words else how, oom=end.oom)
