"""A channel to an agent that is a process of this machine."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Optional

from runner.engines.base import ChannelClosed
from runner.engines.lines import LineChannel, shown_here
from runner.engines.variables import SCRATCH_VARIABLE
from runner.machine import temporary
from runner.machine.removal import remove_folder

SEND_PATIENCE = 30.0
LEAVE_PATIENCE = 3.0
"""Seconds that the agent has to kill what it started, before it is killed itself."""
_LOOK = 1.0
"""Seconds of silence after which it is looked whether the agent has been stopped."""


class PipeChannel(LineChannel):
    """Starts `argv` (an agent) in a session of its own, and speaks with it line by line.

    The agent makes a folder, named here, below which its cells' scratch folders lie. That name is
    also how to recognise what is left of an agent that died without cleaning up: scripts find it in
    their environment, and what they start inherits it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        root: str,
        shown: Optional[Mapping[str, str]] = None,
        env: Optional[Mapping[str, str]] = None,
        scratch_in: Optional[Path] = None,
        closed: Callable[[], None] = lambda: None,
        damage: Callable[[], Optional[str]] = lambda: None,
    ) -> None:
        folder = scratch_in or temporary.process_folder()
        self.scratch = folder.resolve() / f"cells-{secrets.token_hex(4)}"
        super().__init__(root=root, shown={**shown_here(root, str(self.scratch)), **(shown or {})})
        self._on_close = closed
        self._damage = damage
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**(os.environ if env is None else env), SCRATCH_VARIABLE: str(self.scratch)},
            start_new_session=True,
        )
        self._stdin = _pipe(self._process.stdin)
        os.set_blocking(self._stdin.fileno(), False)
        self._listener = self._listen(self._read_lines, self._process.stdout)
        self._witness = self._listen(self._read_last_words, self._process.stderr)

    def _listen(
        self, read: Callable[[IO[bytes]], None], stream: Optional[IO[bytes]]
    ) -> threading.Thread:
        thread = threading.Thread(target=read, args=(_pipe(stream),), daemon=True)
        thread.start()
        return thread

    def damage(self) -> Optional[str]:
        return self._damage()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, line: bytes) -> None:
        data = memoryview(line + b"\n")
        end = time.monotonic() + SEND_PATIENCE
        while data:
            try:
                fd = self._stdin.fileno()
                ready = select.select([], [fd], [], max(0.0, end - time.monotonic()))[1]
                if not ready:
                    raise ChannelClosed(f"the agent takes no requests ({SEND_PATIENCE:.0f} s)")
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                raise self._gone() from None

    def receive(self, timeout: float) -> Optional[bytes]:
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > _LOOK:
            line = super().receive(_LOOK)
            if line is not None:
                return line
            self.set_going()
        return super().receive(left)

    def set_going(self) -> None:
        """Set the agent going if it was stopped: scripts can do that, as the same user."""
        with suppress(ChildProcessError):
            if os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG) is not None:
                self._process.send_signal(signal.SIGCONT)

    def _end(self) -> None:
        with suppress(OSError):
            self._stdin.close()  # which the agent takes as the word to leave
        end = time.monotonic() + LEAVE_PATIENCE
        self._listener.join(LEAVE_PATIENCE)  # hears of the end at once; wait() looks every 50 ms
        try:
            self._process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                self._process.kill()
            self._process.wait()
        temporary.kill_all_below(str(self.scratch))
        remove_folder(str(self.scratch))
        self._on_close()

    def _how(self) -> ChannelClosed:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self._witness.join(1.0)
        code = self._process.poll()
        if code is None:
            return ChannelClosed("the agent closed its output")
        if code < 0:
            how = f"the agent was killed by {signal_name(-code)}"
            return ChannelClosed(f"{how}, perhaps by a script: in a container none can do that")
        return ChannelClosed(f"the agent ended with exit code {code}")

    def _read_lines(self, stream: IO[bytes]) -> None:
        with suppress(OSError), stream:
            while (data := stream.read(1 << 16)) and self._hear(data):
                pass
        self._hang_up()

    def _read_last_words(self, stream: IO[bytes]) -> None:
        with suppress(OSError), stream:
            while data := stream.read(1 << 16):
                self._hear_last_words(data)


def _pipe(stream: Optional[IO[bytes]]) -> IO[bytes]:
    if stream is None:
        raise ChannelClosed("the agent was started without pipes")
    return stream


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
