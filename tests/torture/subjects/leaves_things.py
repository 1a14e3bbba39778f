"""Leaves things wherever any script may, besides its own folder."""

import ctypes
import os

for folder in ("/tmp", "/dev/shm", "/var/tmp", "/dev/mqueue", "/run/lock"):
    try:
        with open(os.path.join(folder, "torture-left"), "w") as file:
            file.write("for the next one")
        os.mkdir(os.path.join(folder, "torture-folder"))
        os.symlink("/", os.path.join(folder, "torture-folder", "link"))
    except OSError:
        pass
libc = ctypes.CDLL(None)
print(libc.shmget(4321, 16 << 20, 0o1666), libc.semget(4321, 3, 0o1666), libc.msgget(4321, 0o1666))
print("done")
