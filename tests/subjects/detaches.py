"""Starts what should outlive it: a sleeper in a session of its own, which then writes a file."""
import os
import sys
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        if len(sys.argv) > 2:  # also let go of the pipes
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
        time.sleep(3)
        with open(sys.argv[1], "w") as file:
            file.write("I am still here")
    os._exit(0)
os.wait()
print("the sleeper is on its own")
