"""Where the process that keeps warm agents is found. Only its own user reaches it.

Its socket lies in a folder that only this user can enter, and both ends ask the kernel who is at
the other. The file `keeper` in the cache names the socket; the process locks it while it runs.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from runner import paths
from runner.machine.files import regular_text

PATIENCE = 10.0
"""Seconds within which the keeper answers a question that takes no work."""
_LONGEST = 1 << 20
"""Bytes of a message."""


def file() -> Path:
    """The file that names the socket."""
    return paths.warm() / "keeper"


class Connection:
    """One end of a conversation in lines of JSON."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._lines = end.makefile("rb", buffering=0)

    def send(self, **message: Any) -> None:
        """Raises `OSError` if the other end has gone."""
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """The next message. Raises `OSError` if none comes."""
        line = self._lines.readline(_LONGEST)
        with suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                return message
        raise ConnectionError("the other end has gone")

    def detach(self) -> socket.socket:
        """The socket, for a conversation of another kind."""
        self._lines.close()
        self.socket.settimeout(None)
        return self.socket

    def close(self) -> None:
        self.detach().close()


def connect(patience: float = PATIENCE) -> Optional[Connection]:
    """A connection to the keeper; None if none runs here."""
    end = socket.socket(socket.AF_UNIX)
    try:
        end.settimeout(patience)
        end.connect(regular_text(file(), most=1000))
        if is_same_user(end):
            return Connection(end)
    except (OSError, ValueError):  # there is no file, or nobody behind it
        pass
    end.close()
    return None


def is_same_user(end: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user, according to the kernel."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(user == os.getuid())
