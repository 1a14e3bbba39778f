"""One at a time, whichever thread or run of this machine's it is: by a lock on a file.

The kernel takes the lock away from whoever dies.
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
    """Take the lock of an open file, which is held until it is closed, if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def holding(path: Path, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made; `waits` is called once if it is taken.

    Raises `processes.Stopped` where this tool is stopped meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if not try_lock(file):
            waits()
            while not try_lock(file):
                processes.check()
                time.sleep(_AGAIN)
        yield
