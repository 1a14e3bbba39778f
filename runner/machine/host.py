"""Facts about this machine for the plan and the record of a run."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """The facts that may change a result: system, processor,
    memory. They do not identify the machine."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": _memory_mb(),
    }


def free_bytes(folder: Path) -> int:
    """The free bytes on the disk that holds `folder`, or would hold it."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def free_memory_mb() -> float:
    """The MiB that new processes could use now; the whole memory if that is not known."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        pass
    return float(_memory_mb() or 8192)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _memory_mb() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        return 0


@lru_cache(maxsize=1)
def cpu_features() -> str:
    """A digest of the features of this machine's CPU; "" if they are not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    flags = next((line for line in lines if line.startswith("flags")), "")
    names = sorted(set(flags.partition(":")[2].split()) - _VARYING)
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]


# Programs do not use these, and virtual machines show them only at some starts.
_VARYING = {"tsc_known_freq", "ibpb", "ibrs", "stibp", "ssbd", "arch_capabilities", "md_clear"}
