"""Sets the clock of the machine. Only for a container: locally it would be your clock."""

import ctypes
import json
import os
import time

with open("/proc/1/cmdline", "rb") as file:
    assert b"agent.py" in file.read(), "not in a container"
changed = []
for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
    try:
        time.clock_settime(clock, 86400.0)
        changed.append(clock)
    except OSError:
        pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.settimeofday(ctypes.create_string_buffer(16), None) == 0:
    changed.append("settimeofday")
timex = ctypes.create_string_buffer(256)
timex[0] = b"\x01"  # ADJ_OFFSET
if libc.adjtimex(timex) >= 0:
    changed.append("adjtimex")
if os.system("date -s '2001-01-01' 2>/dev/null >&2") == 0:
    changed.append("date")
print("::observe changed=%s" % json.dumps(changed))
