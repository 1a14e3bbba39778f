"""Labels for processes, with which another process can find out later whether they still run.

Neither a changed clock nor the processes of another container may cause confusion. So on Linux a
label contains the process's start in ticks since boot, and its process namespace.
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
    """The label of this process: its start, its pid, and the machine on which the pid is valid."""
    return f"{_started(os.getpid())} {os.getpid()} {_place()}"


def has_ended(label: str) -> bool:
    """Whether the process that got `label` from `process_label` is known to have ended."""
    started, pid, place = (*label.split(" ", 2), "", "")[:3]
    if place != _place() or not (pid.isascii() and pid.isdigit()):
        return False  # from another machine or container: not known here
    try:
        return _started(int(pid)) != started
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError, ValueError, OverflowError):
        return False


def _started(pid: int) -> Optional[str]:
    """When a process started, according to the system; psutil's date changes with the clock."""
    created = f"{psutil.Process(pid).create_time():.2f}"  # raises NoSuchProcess
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except FileNotFoundError:
        return created
    return stat.rpartition(")")[2].split()[19]


@lru_cache(maxsize=1)
def _place() -> str:
    """The host and process namespace: a container's pids are valid only inside it."""
    try:
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file
    except OSError:
        return platform.node()
