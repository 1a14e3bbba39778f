"""Child processes of the tool itself (uv, docker build …), so that stopping leaves none behind.

Each runs in a process group of its own: Ctrl-C in a terminal then reaches only this tool, which
ends them deliberately, instead of racing with them to print their last words. Each bears the mark
of this process, so that the next run finds those of one that was killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from runner.machine import temporary

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()
_stopped = threading.Event()


class Stopped(Exception):
    """The tool is being stopped; whatever was under way is void."""


def run(
    command: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[Path] = None,
    input: Optional[str] = None,
    timeout: Optional[float] = None,
) -> subprocess.CompletedProcess[str]:
    """Run to the end; stdout and stderr captured apart. Raises `Stopped`, never for an exit code.

    Raises `subprocess.TimeoutExpired` after `timeout` seconds, with the whole group ended.
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
    """The lines of stdout and stderr together as they come; the last item is `exit N`."""
    with start(command, env=env, cwd=cwd) as process:
        assert process.stdout is not None
        yield from process.stdout
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
    """A child in its own process group, which is ended when the block is left in any way."""
    if _stopped.is_set():
        raise Stopped
    process = subprocess.Popen(
        list(command),
        env={**(os.environ if env is None else env), **temporary.mark()},
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    with _lock:
        _running.add(process)
    try:
        yield process
    finally:
        _kill_group(process)
        process.wait()
        with _lock:
            _running.discard(process)
    if _stopped.is_set():
        raise Stopped


def check() -> None:
    """Raises `Stopped` once the tool is being stopped: for loops that wait for something."""
    if _stopped.is_set():
        raise Stopped


def stop_all() -> None:
    """End every running child, and refuse new ones. For the moment of Ctrl-C."""
    _stopped.set()
    with _lock:
        processes = list(_running)
    for process in processes:
        _kill_group(process)


def allow_again() -> None:
    """After `stop_all`, for a process that goes on: a test, a watch loop."""
    _stopped.clear()


def _kill_group(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
