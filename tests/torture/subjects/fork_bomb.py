"""Every process becomes two, again and again; at most 2 to the power of the first argument."""

import os
import sys
import time

for _ in range(int(sys.argv[1])):
    try:
        os.fork()
    except OSError:
        pass
time.sleep(3600)
