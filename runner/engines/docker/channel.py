"""A channel to an agent in a container, over the connection that `docker attach` uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Optional

from docker import APIClient

from runner.engines.base import ChannelClosed
from runner.engines.docker import daemon
from runner.engines.lines import LineChannel

_STDOUT, _STDERR = 1, 2
SILENCE = 10.0
"""Seconds of silence from the agent after which the daemon is asked whether it still runs."""


class DockerChannel(LineChannel):
    """Attaches to a created container, starts it, and removes it in the end, whatever happens."""

    def __init__(
        self,
        api: APIClient,
        container: str,
        *,
        root: str,
        shown: Mapping[str, str],
        closed: Callable[[], None],
    ) -> None:
        super().__init__(root=root, shown=shown)
        self._api = api
        self._container = container
        self._on_close = closed
        self._sending = threading.Lock()
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._wrapper = api.attach_socket(container, params=wanted)
        # The wrapper only reads. It keeps the response alive, and with this the socket.
        self._socket: Any = getattr(self._wrapper, "_sock", self._wrapper)
        with suppress(AttributeError):
            self._socket.settimeout(None)
        api.start(container)
        threading.Thread(target=self._read, daemon=True).start()

    def receive(self, timeout: float) -> Optional[bytes]:
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            line = super().receive(min(SILENCE, left))
            if line is not None or left <= SILENCE:
                return line
            if daemon.hangs():
                raise self._gone()

    def send(self, line: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(line + b"\n")
        except (OSError, ValueError):
            raise self._gone() from None

    def _end(self) -> None:
        if daemon.hangs():
            return  # the next run, or `clean`, removes what is left
        with suppress(
            Exception
        ):  # the daemon may be gone; the SDK does not wrap other libraries' errors
            self._api.remove_container(self._container, force=True, v=True)
        with suppress(Exception):
            self._socket.close()
            self._wrapper.close()
        with suppress(Exception):
            self._on_close()

    # -- reading ---------------------------------------------------------------------------------

    def _read(self) -> None:
        listening = True
        with suppress(OSError, ValueError, EOFError):
            while listening:
                stream, data = self._frame()
                if stream == _STDERR:
                    self._hear_last_words(data)
                elif stream == _STDOUT:
                    listening = self._hear(data)
        self._hang_up()

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

    # -- the end ---------------------------------------------------------------------------------

    def _how(self) -> ChannelClosed:
        state = self._state()
        running, oom = bool(state.get("Running")), bool(state.get("OOMKilled"))
        if state.get("Error"):
            how = str(state["Error"])
        elif running:
            how = "the agent closed its output"
        elif oom:
            how = "the container was killed for memory"
        else:
            how = f"the agent ended with exit code {state.get('ExitCode')}"
        return ChannelClosed(how, oom=oom and not running)

    def _state(self, patience: float = 2.0) -> dict[str, Any]:
        """The daemon's account of the container, once it has noticed the end."""
        end = time.monotonic() + patience
        state: dict[str, Any] = {}
        while time.monotonic() < end:
            if daemon.hangs():
                return {"Error": str(daemon.daemon_hangs().message)}
            try:
                state = self._api.inspect_container(self._container)["State"]
            except Exception as error:  # the SDK does not wrap errors of requests
                return {"Error": f"the Docker daemon is gone ({type(error).__name__})"}
            if not state.get("Running"):
                break
            time.sleep(0.05)
        return state
