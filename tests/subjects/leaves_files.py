"""Leaves files in the folder out, and things that are no files; then ends as its argument says."""

import os
import signal
import sys
import time

os.makedirs("out/deep")
with open("out/deep/é b".encode(), "wb") as file:
    file.write(b"\0" * 100000)
with open("out/word.txt", "w") as file:
    file.write("left")
os.symlink("/etc/passwd", "out/link")
os.mkfifo("out/pipe")
if sys.argv[1:] == ["crashes"]:
    os.kill(os.getpid(), signal.SIGSEGV)
if sys.argv[1:] == ["hangs"]:
    time.sleep(60)
