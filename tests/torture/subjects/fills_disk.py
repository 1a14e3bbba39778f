"""Writes a file, or many, until it cannot; by itself at 512 MiB."""

import os
import sys
import time

place, how = sys.argv[1:]
folder = os.path.expanduser(place)
if how == "one":
    with open(os.path.join(folder, "torture-one"), "wb") as file:
        for _ in range(512):
            file.write(b"\0" * (1 << 20))
            file.flush()
else:
    for number in range(512):
        with open(os.path.join(folder, "torture-%d" % number), "wb") as file:
            file.write(b"\0" * (1 << 20))
        time.sleep(0.005)  # not all of it before anybody can have looked
print("wrote 512 MiB unpunished")
