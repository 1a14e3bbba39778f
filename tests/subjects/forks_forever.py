"""A fork bomb of at most 2000 processes."""
import os
import time

for _ in range(2000):
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
time.sleep(3600)
