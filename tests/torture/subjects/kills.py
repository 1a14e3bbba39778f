"""Sends a signal to its parents, or to every process that it may send one to.

Only for a container, or a PID namespace of its own: it looks whether process 1 is the tool's.
"""

import os
import signal
import sys
import time

with open("/proc/1/cmdline", "rb") as file:
    first = file.read()
assert b"agent.py" in first or b"torture" in first, "not in a namespace of its own: %r" % first
number, whom = getattr(signal, sys.argv[1]), sys.argv[2]


def parents(pid):
    while pid > 0:
        with open("/proc/%d/stat" % pid) as file:
            pid = int(file.read().rsplit(")", 1)[1].split()[1])
        if pid > 0:
            yield pid


everyone = [
    int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()
]
for pid in sorted(parents(os.getpid()) if whom == "parents" else everyone):  # the agent first
    try:
        os.kill(pid, number)
    except OSError as error:
        print(pid, error)
time.sleep(1.5)
print("outlived them")
