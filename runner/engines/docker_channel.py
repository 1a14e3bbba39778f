"""A channel to an agent in a container, over the connection that `docker attach` uses."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Optional

from docker import APIClient

from runner.engines.base import ChannelClosed

_LINE_MOST = 16 << 20
_LINES_MOST = 8
"""Lines kept waiting; an agent that says more is not read until somebody listens."""
_LAST_WORDS = 8 << 10
_STDOUT, _STDERR = 1, 2


class DockerChannel:
    """Attaches to a created container, starts it, and removes it in the end, whatever happens."""

    def __init__(
        self, api: APIClient, container: str, *, root: str, closed: Callable[[], None]
    ) -> None:
        self.root = root
        self.shown: Mapping[str, str] = {}
        self._api = api
        self._container = container
        self._on_close = closed
        self._lines: deque[bytes] = deque()
        self._news = threading.Condition()
        self._ended = False
        self._closed = False
        self._closing = threading.Lock()
        self._sending = threading.Lock()
        self._last_words = bytearray()
        self._why = ""
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._wrapper = api.attach_socket(container, params=wanted)
        # The wrapper is for reading only, and keeps the response, and with it the socket, alive.
        self._socket: Any = getattr(self._wrapper, "_sock", self._wrapper)
        with suppress(AttributeError):
            self._socket.settimeout(None)
        api.start(container)
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, line: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(line + b"\n")
        except (OSError, ValueError):
            raise ChannelClosed(self._reason()) from None

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

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
        with self._news:  # whoever waits for a line need not wait for the rest
            self._ended = True
            self._news.notify_all()
        with suppress(Exception):  # the daemon may be gone; the SDK lets other libraries' errors by
            self._api.remove_container(self._container, force=True, v=True)
        with suppress(Exception):
            self._socket.close()
            self._wrapper.close()
        with suppress(Exception):
            self._on_close()

    # -- reading ---------------------------------------------------------------------------------

    def _read(self) -> None:
        rest = bytearray()
        with suppress(OSError, ValueError, EOFError):
            while not self._closed:
                stream, data = self._frame()
                if stream == _STDERR:
                    self._last_words += data
                    del self._last_words[:-_LAST_WORDS]
                elif stream == _STDOUT:
                    rest += data
                    if b"\n" in data:
                        *lines, rest = rest.split(b"\n")
                        self._put(lines)
                    if len(rest) > _LINE_MOST:
                        self._why = f"the agent sent a line of more than {_LINE_MOST >> 20} MiB"
                        break
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _frame(self) -> tuple[int, bytes]:
        """One frame of the attached stream: 1 byte which stream, 3 nothing, 4 the length."""
        head = self._exactly(8)
        return head[0], self._exactly(int.from_bytes(head[4:], "big"))

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self._socket.recv(min(count - len(data), 1 << 16))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _put(self, lines: list[bytearray]) -> None:
        for line in lines:
            with self._news:
                self._news.wait_for(lambda: len(self._lines) < _LINES_MOST or self._closed)
                self._lines.append(bytes(line))
                self._news.notify_all()

    # -- the end ---------------------------------------------------------------------------------

    def _gone(self) -> ChannelClosed:
        if self._closed:
            return ChannelClosed("it was closed")
        state = self._state()
        how = self._why or _how(state)
        words = self._last_words.decode("utf-8", "replace").strip()
        oom = bool(state.get("OOMKilled")) and not state.get("Running")
        return ChannelClosed(f"{how}: {words}" if words else how, oom=oom)

    def _reason(self) -> str:
        return str(self._gone())

    def _state(self, patience: float = 2.0) -> dict[str, Any]:
        """What the daemon says of the container, once it has noticed the end."""
        end = time.monotonic() + patience
        state: dict[str, Any] = {}
        while time.monotonic() < end:
            try:
                state = self._api.inspect_container(self._container)["State"]
            except Exception as error:  # the SDK lets requests' errors through
                return {"Error": f"the Docker daemon is gone ({type(error).__name__})"}
            if not state.get("Running"):
                break
            time.sleep(0.05)
        return state


def _how(state: dict[str, Any]) -> str:
    if state.get("Error"):
        return str(state["Error"])
    if state.get("Running"):
        return "the agent closed its output"
    if state.get("OOMKilled"):
        return "the container was killed for memory"
    return f"the agent ended with exit code {state.get('ExitCode')}"
