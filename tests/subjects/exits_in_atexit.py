"""What exit handlers print must not be lost, nor their end be taken for the script's."""
import atexit
import os
import sys


def last():
    sys.stdout.write("from the exit handler\n")
    sys.stdout.flush()
    os._exit(4)


atexit.register(last)
print("from the script")
