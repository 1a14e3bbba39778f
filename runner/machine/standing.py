"""What a process hands on to those that it starts: limits, priority, processors, umask."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from contextlib import suppress
from pathlib import Path

_LIMITS = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


def standing_digest() -> str:
    """The same for two processes if what they start gets the same from them."""
    limits = [resource.getrlimit(getattr(resource, name)) for name in _LIMITS]
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    facts = [limits, processors, os.getpriority(os.PRIO_PROCESS, 0), _umask(), os.getgroups()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _umask() -> str:
    """Read from the system: `os.umask` would change it for a moment, for all threads."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("Umask:"):
                return line
    return ""
