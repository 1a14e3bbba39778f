"""Takes memory until it is stopped; by itself at 2 GiB. With an argument: in many processes."""

import os
import sys
import time

children = 40 if sys.argv[1:] else 0
for _ in range(children):
    if os.fork() == 0:
        eaten = b"x" * (24 << 20)
        time.sleep(3600)
        os._exit(0)
eaten = []
while len(eaten) < 128 and not children:
    eaten.append(b"x" * (16 << 20))
time.sleep(3600)
