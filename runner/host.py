"""This machine, as far as a run's record and its plans need it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.model import Device, Environment

# Measured on the shipped matrix; see "What it needs" in the README. Bytes per environment.
_NEED = {
    ("docker", Device.CPU): 1.1e9,
    ("local", Device.CPU): 0.9e9,
    ("docker", Device.CUDA): 8e9,
    ("local", Device.CUDA): 7e9,
}


def describe() -> dict[str, Any]:
    """What may matter to a result: system, processor, memory; nothing that names the machine."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": _memory_mb(),
    }


def need(engine: str, environments: Sequence[Environment]) -> float:
    """Bytes on disk that making `environments` will take, roughly and on the safe side."""
    return sum(_NEED.get((engine, e.target.device), 2e9) for e in environments)


def free_bytes(folder: Path) -> int:
    """Bytes free where `folder` is, or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


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
