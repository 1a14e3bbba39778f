"""Counts the other processes of this machine whose command line holds the first argument."""
import os
import sys

found = 0
for name in os.listdir("/proc"):
    if not name.isdigit() or int(name) in (os.getpid(), os.getppid()):
        continue
    try:
        with open("/proc/%s/cmdline" % name, "rb") as file:
            found += sys.argv[1].encode() in file.read()
    except OSError:
        pass
print("::observe found=%d" % found)
