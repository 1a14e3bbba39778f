"""Loaded by the workers that `--cluster local:N` starts, so that they ignore Ctrl-C.

The command itself ends their tasks, as on any cluster. It could not if they ended first.
"""

from __future__ import annotations

import contextlib
import os

with contextlib.suppress(OSError):  # it already leads its own session
    os.setsid()
