"""Labels that name a process, by which another process can tell later whether it still lives.

Neither a changed clock nor processes of another container may confuse them. So on Linux a label has
the start of the process in ticks since boot, and its process namespace.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Optional

import psutil


@lru_cache(maxsize=1)
def process_label() -> str:
    """The label of this process: start, pid, and the machine on which the pid is valid."""
    return f"{_started(os.getpid())} {os.getpid()} {_place()}"


def has_ended(label: str) -> bool:
    """Whether the process that `process_label` described is known to have ended."""
    started, pid, place = (*label.split(" ", 2), "", "")[:3]
    if place != _place() or not (pid.isascii() and pid.isdigit()):
        return False  # a run of another machine or container: unknown here
    try:
        return _started(int(pid)) != started
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError, ValueError, OverflowError):
        return False


def _started(pid: int) -> Optional[str]:
    """When a process started, from the system; the date of psutil moves with the clock."""
    created = f"{psutil.Process(pid).create_time():.2f}"  # raises NoSuchProcess
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except FileNotFoundError:
        return created
    return stat.rpartition(")")[2].split()[19]


@lru_cache(maxsize=1)
def _place() -> str:
    """Host and process namespace: pids of a container mean nothing outside it."""
    try:
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file
    except OSError:
        return platform.node()
