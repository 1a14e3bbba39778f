"""Leaves processes behind that have nothing in common with it: no parent, group, name or pipe."""

import ctypes
import os
import time

if os.fork() == 0:
    os.setsid()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # what it starts comes back to it, not to the agent
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 64)
                os.chdir("/")
                os.execve("/bin/sleep", ["innocent", "4321"], {})
            os._exit(0)
    time.sleep(0.5)
    os._exit(0)
time.sleep(0.2)
print("they are on their own")
