"""Loaded into the workers that `--cluster local:N` starts, so that they ignore Ctrl-C.

The command ends their tasks, as on any cluster. It could not do so if they ended first.
"""

from __future__ import annotations

import contextlib
import os

with contextlib.suppress(OSError):  # it leads a session of its own already
    os.setsid()
