"""Kills the process that started it, and goes on if it can."""
import os
import signal
import time

parent = os.getppid()
with open("/proc/%d/cmdline" % parent, "rb") as file:
    assert parent > 1 and b"agent" in file.read(), "started by hand: that parent is left alone"
os.kill(parent, signal.SIGKILL)
time.sleep(0.5)
print("outlived it")
