"""Locks on files: one holder at a time among all threads and all runs on this machine.

The kernel releases the lock of a process that ends, however it ends. This is the kernel's `flock`
on a file that the caller has open, for a claim is its own lock. The filelock package locks only
files that it opens itself, and importing it would add 0.1 s to each start.
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
"""Seconds between two tries."""


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; False where another holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: IO[Any]) -> None:
    """Lock an open file until it is closed, however long another holds it."""
    fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def holding(path: Path, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made if it is missing.

    `waits` is called once if another holds the lock. Raises `processes.Stopped` where this tool is
    stopped while it waits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if not try_lock(file):
            waits()
            while not try_lock(file):
                processes.check()
                time.sleep(_AGAIN)
        yield
