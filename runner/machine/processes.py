"""The child processes of the tool itself (uv, docker build …). When the tool stops, all are ended.

Each child has its own process group, so Ctrl-C in a terminal reaches only this tool, which then
ends its children in order. Each carries the mark of this process, so that the next run finds the
children of a killed one. A child belongs to the `Children` of its thread, whose owner can stop them
all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Optional

from runner.machine import temporary

LOG = logging.getLogger(__name__)


class Stopped(Exception):
    """The tool is being stopped; unfinished work does not count."""


class Children:
    """The child processes of one owner, who ends them together."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def owning(self) -> Iterator[None]:
        """Processes that this thread starts in the block belong to this object."""
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)

    def own_thread(self) -> None:
        """All processes that this thread starts belong to this
        object; for a thread pool's initializer."""
        _current.set(self)

    def check(self) -> None:
        """Raises `Stopped` after `stop`."""
        if self._stopped.is_set():
            raise Stopped

    def stop(self) -> None:
        """Ends all running processes. Starting another one raises `Stopped`."""
        self._stopped.set()
        with self._lock:
            processes = list(self._running)
        for process in processes:
            _kill_group(process)

    def add(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._running.add(process)
        if self._stopped.is_set():  # it was stopped between the check and the start
            _kill_group(process)

    def remove(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._running.discard(process)


_current: ContextVar[Children] = ContextVar("children")
_UNOWNED = Children()
"""The children of threads without an owner; never stopped."""


def current() -> Children:
    """The children of this thread, to pass on to threads that it starts."""
    return _current.get(_UNOWNED)


def check() -> None:
    """Raises `Stopped` after this thread's owner stopped; for loops that wait."""
    current().check()


def run(
    command: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[Path] = None,
    input: Optional[str] = None,
    timeout: Optional[float] = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, and captures stdout and stderr separately. Accepts any exit code.

    Raises `Stopped`, and `subprocess.TimeoutExpired` after `timeout` seconds, when the whole group
    has been ended.
    """
    with start(command, env=env, cwd=cwd, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(input=input, timeout=timeout)
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def stream(
    command: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[Path] = None,
) -> Iterator[str]:
    """The lines of stdout and stderr in order; the last item is `exit N`."""
    with start(command, env=env, cwd=cwd) as process:
        assert process.stdout is not None
        for line in process.stdout:
            LOG.debug("%s: %s", process.pid, line.rstrip())
            yield line
        yield f"exit {process.wait()}"


@contextlib.contextmanager
def start(
    command: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[Path] = None,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.STDOUT,
) -> Iterator[subprocess.Popen[str]]:
    """Starts a child in its own process group, which is ended when the block ends."""
    children = current()
    children.check()
    process = subprocess.Popen(
        list(command),
        env={**(os.environ if env is None else env), **temporary.mark_variables()},
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    children.add(process)
    LOG.debug("%s: started %s", process.pid, shlex.join(map(str, command)))
    try:
        yield process
    finally:
        _kill_group(process)
        process.wait()
        children.remove(process)
        LOG.debug("%s: ended with %s", process.pid, process.returncode)
    children.check()


def _kill_group(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
