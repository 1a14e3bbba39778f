"""Loaded into the workers that `--cluster local:N` starts: Ctrl-C in the terminal is not for them.

The command ends what runs on them, as on any cluster; if they died first, it could not.
"""

from __future__ import annotations

import contextlib
import os

with contextlib.suppress(OSError):  # it leads a session of its own already
    os.setsid()
