"""The child processes of the tool itself (uv, docker build …). When the tool stops, none is left.

Each runs in its own process group: Ctrl-C in a terminal then reaches only this tool, which ends its
children in order. Each carries the mark of this process, so that the next run finds the children of
a killed one.

A child belongs to the `Children` that its thread works for; their owner can stop them all.
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
    """The child processes of one owner, which ends them together."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def owning(self) -> Iterator[None]:
        """Processes that this thread starts in the block belong to these."""
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)

    def own_thread(self) -> None:
        """Processes that this thread starts from now on belong to these: a thread pool's
        initializer."""
        _current.set(self)

    def check(self) -> None:
        """Raises `Stopped` after `stop`."""
        if self._stopped.is_set():
            raise Stopped

    def stop(self) -> None:
        """End all running processes. Starting another one raises `Stopped`."""
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
"""For threads that work for no owner; never stopped."""


def current() -> Children:
    """The children that this thread works for, to hand on to threads that it starts."""
    return _current.get(_UNOWNED)


def check() -> None:
    """Raises `Stopped` once this thread's owner stops: for loops that wait for something."""
    current().check()


def run(
    command: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[Path] = None,
    input: Optional[str] = None,
    timeout: Optional[float] = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; stdout and stderr are captured apart. Any exit code is accepted.

    Raises `Stopped`, and `subprocess.TimeoutExpired` after `timeout` seconds, with the whole group
    ended.
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
    """The lines of stdout and stderr in their order; the last item is `exit N`."""
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
    """A child in its own process group, which is ended when the block ends."""
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
