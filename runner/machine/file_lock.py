"""Locks on files, with one holder at a time among all threads and processes of this machine.

The kernel releases the lock of a process that ends, however it ends. This uses `flock` on an open
file of the caller, because a claim is its own lock. The filelock package only locks files that it
opens itself, and its import would add 0.1 s to each start.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from runner.machine import processes

_AGAIN = 0.2
"""Seconds between two attempts."""


def try_lock(file: IO[Any]) -> bool:
    """Locks an open file until it is closed; returns False if another holder has the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: IO[Any]) -> None:
    """Locks an open file until it is closed, however long another holder has the lock."""
    fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def holding_lock(path: Path, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds the lock of the file at `path`, which is created if it is missing.

    `waits` is called once if another holder has the lock. Raises `processes.Stopped` if this tool
    is stopped while it waits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if not try_lock(file):
            waits()
            while not try_lock(file):
                processes.check()
                time.sleep(_AGAIN)
        yield
