"""Stops the process that started it, which then cannot wait for it."""
import os
import signal

parent = os.getppid()
with open("/proc/%d/cmdline" % parent, "rb") as file:
    assert parent > 1 and b"agent" in file.read(), "started by hand: that parent is left alone"
os.kill(parent, signal.SIGSTOP)
print("stopped it")
