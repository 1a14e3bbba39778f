"""Leaves links to what is not its own wherever somebody may look, read or clean up."""

import os
import stat
import sys

canary = sys.argv[1]
os.symlink(canary, "link")
os.symlink(os.path.dirname(canary), "folder")
os.mkfifo("pipe")
os.makedirs("deep/er")
os.symlink("..", "deep/er/loop")
for name, kind in (("null", stat.S_IFCHR), ("disk", stat.S_IFBLK)):
    try:
        os.mknod(name, 0o666 | kind, os.makedev(1, 3) if kind == stat.S_IFCHR else os.makedev(7, 0))
    except OSError:
        pass
# And the folder itself is a link now, or the one that it lies in.
place = os.getcwd() if sys.argv[2] == "itself" else os.path.dirname(os.getcwd())
os.chdir("/")
os.rename(place, place + ".mine")
os.symlink(os.path.dirname(canary), place)
print("done")
