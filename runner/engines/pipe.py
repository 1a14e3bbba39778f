"""A channel to an agent that is a process of this machine."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Optional

from runner.agent import SCRATCH_VARIABLE, remove_folder
from runner.engines.base import ChannelClosed

LINE_MOST = 16 << 20
LINES_MOST = 8
"""Lines kept waiting; an agent that says more is not read until somebody listens."""
LAST_WORDS = 8 << 10
SEND_PATIENCE = 30.0
LEAVE_PATIENCE = 3.0
"""Seconds that the agent has to kill what it started, before it is killed itself."""


class PipeChannel:
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
    ) -> None:
        self.root = root
        self.shown: Mapping[str, str] = {root: "/repro", **(shown or {})}
        folder = (scratch_in or Path(tempfile.gettempdir())).resolve()
        self.scratch = folder / f"tfmatrix-cells-{os.getpid()}-{secrets.token_hex(8)}"
        self._lines: deque[bytes] = deque()
        self._news = threading.Condition()
        self._ended = False
        self._closed = False
        self._closing = threading.Lock()
        self._last_words = bytearray()
        self._why = ""
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

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def waiting(self) -> int:
        """Lines that nobody has received yet."""
        return len(self._lines)

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
        raise ChannelClosed(self._reason())

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
        with self._news:  # whoever waits for a line need not wait for the rest
            self._ended = True
            self._news.notify_all()
        with suppress(OSError):
            self._stdin.close()  # which the agent takes as the word to leave
        try:
            self._process.wait(LEAVE_PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                self._process.kill()
            self._process.wait()
        kill_all_below(str(self.scratch))
        remove_folder(str(self.scratch))

    def _reason(self) -> str:
        """What is known of why the agent is gone."""
        if self._closed:
            return "it was closed"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self._witness.join(1.0)
        code = self._process.poll()
        if code is None:
            how = "the agent closed its output"
        elif code < 0:
            how = f"the agent was killed by {signal_name(-code)}"
        else:
            how = f"the agent ended with exit code {code}"
        words = self._last_words.decode("utf-8", "replace").strip()
        return f"{self._why or how}: {words}" if words else self._why or how

    def _read_lines(self, stream: IO[bytes]) -> None:
        rest = bytearray()
        with suppress(OSError), stream:
            while data := stream.read(1 << 16):
                rest += data
                if b"\n" in data:
                    *lines, rest = rest.split(b"\n")
                    for line in lines:
                        self._put(bytes(line))
                if len(rest) > LINE_MOST:
                    self._why = f"the agent sent a line of more than {LINE_MOST >> 20} MiB"
                    break
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _put(self, line: bytes) -> None:
        with self._news:
            self._news.wait_for(lambda: len(self._lines) < LINES_MOST or self._closed)
            self._lines.append(line)
            self._news.notify_all()

    def _read_last_words(self, stream: IO[bytes]) -> None:
        with suppress(OSError), stream:
            while data := stream.read(1 << 16):
                self._last_words += data
                del self._last_words[:-LAST_WORDS]


def _pipe(stream: Optional[IO[bytes]]) -> IO[bytes]:
    if stream is None:
        raise ChannelClosed("the agent was started without pipes")
    return stream


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def kill_all_below(folder: str, patience: float = 5.0) -> None:
    """Kill every process whose environment names a path in `folder`, which must be ours alone.

    Linux only. A process may hide from this by starting another with an environment of its own; it
    is meant for what an agent could not clean up because it was killed itself.
    """
    marks = (f"={folder}/".encode(), f"={folder}\0".encode())
    end = time.monotonic() + patience
    while time.monotonic() < end:
        pids = [pid for pid in _other_pids() if _bears(pid, marks)]
        if not pids:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(OSError):
                    os.kill(pid, number)
        time.sleep(0.01)


def _other_pids() -> list[int]:
    try:
        names = [path.name for path in Path("/proc").iterdir()]
    except OSError:
        return []
    own = (1, os.getpid(), os.getppid())
    return [int(name) for name in names if name.isdigit() and int(name) not in own]


def _bears(pid: int, marks: tuple[bytes, ...]) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read(1 << 20)
    except OSError:
        return False
    return any(mark in environment for mark in marks)
