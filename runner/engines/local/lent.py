"""Agents that outlive a command: which fits, and the channel to one that another process holds."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Optional

from attrs import frozen

from runner import paths
from runner.engines.base import ChannelClosed, Workspace
from runner.engines.lines import LineChannel, shown_here
from runner.engines.local import venv
from runner.engines.local.pipe import PipeChannel

_TAKING_BACK = 10.0
"""Seconds that the holder has to take an agent back, or to end one in the middle of a cell."""
_LOST = b'{"lost": '
"""The beginning of the holder's last line, which no agent can send: its answers have an event."""


@frozen(kw_only=True)
class LendableAgent:
    """The agents that may serve a local environment, and what such an agent needs."""

    folder: Path
    """The environment's."""
    marker: Path
    """The file that a new installation replaces."""
    damage: Callable[[], Optional[str]]

    @property
    def key(self) -> str:
        """Agents with this key are interchangeable. It changes with the installation, its Python,
        and the agent's own code. Raises `OSError` if the environment is gone."""
        python = venv.python(self.folder).resolve()
        files = [_identity(self.marker), _identity(python), python.stat().st_mtime_ns]
        facts = [str(self.folder), str(python), files, paths.agent_digest()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def take_over(
        self, connection: socket.socket, workspace: Workspace, scratch: str
    ) -> LentChannel:
        """The channel to an agent that the process behind `connection` holds."""
        root = str(workspace.folder)
        shown = {**shown_here(root, scratch), **venv.shown_paths(self.folder)}
        return LentChannel(connection, root=root, shown=shown, damage=self.damage)


def start_agent(folder: Path, root: Path) -> PipeChannel:
    """An agent in an environment, for scripts in any folder; it sees those in `root` first."""
    return PipeChannel(
        [str(venv.python(folder)), str(paths.agent())],
        root=str(root),
        env=venv.environment(folder),
    )


class LentChannel(LineChannel):
    """Speaks with an agent through the process that holds it. Closing the channel gives it back."""

    warm = True

    def __init__(
        self,
        connection: socket.socket,
        *,
        root: str,
        shown: dict[str, str],
        damage: Callable[[], Optional[str]],
    ) -> None:
        super().__init__(root=root, shown=shown)
        self._connection = connection
        self._damage = damage
        self._lost = "the process that kept the warm agent has ended"
        self._listener = threading.Thread(target=self._read_lines, daemon=True)
        self._listener.start()

    def damage(self) -> Optional[str]:
        return self._damage()

    def send(self, line: bytes) -> None:
        try:
            self._connection.sendall(line + b"\n")
        except OSError:
            raise self._gone() from None

    def _read_lines(self) -> None:
        hearing = True
        with suppress(OSError):
            while data := self._connection.recv(1 << 16):
                hearing = hearing and self._hear(data)
        self._hang_up()

    def _put(self, line: bytes) -> None:
        if line.startswith(_LOST):
            self._lost = str(json.loads(line)["lost"])
        else:
            super()._put(line)

    def _how(self) -> ChannelClosed:
        return ChannelClosed(self._lost)

    def _end(self) -> None:
        """Give it back, and wait until the holder has taken it: it is free for the next command."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        self._listener.join(_TAKING_BACK)
        self._connection.close()


def last_line(why: str) -> bytes:
    """The holder's last line about an agent that has ended while it was lent."""
    return _LOST + json.dumps(why).encode() + b"}"


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
