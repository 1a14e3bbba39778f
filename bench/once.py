"""Runs inside an environment, on Python 3.6 to 3.13: imports TensorFlow once, then forks a child
per case, which runs the script and nothing else. The least that can be done; see floor.py.

    once.py STARTED SCRIPT CASE...

STARTED is the caller's monotonic clock as it started this process: the import includes the
interpreter's start. Prints one line of JSON: {"import": seconds, "cases": [seconds or null, ...]},
null where a child hung twice.
"""

import json
import os
import runpy
import signal
import sys
import time
from typing import Optional

PATIENCE = 120


def main() -> None:
    started, script, cases = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
    import tensorflow  # noqa: F401

    imported = time.monotonic() - started
    seconds = [work(script, case) or work(script, case) for case in cases]
    print(json.dumps({"import": imported, "cases": seconds}))


def work(script: str, case: str) -> Optional[float]:
    """Seconds from the fork until the child is gone; None where it had to be killed."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        run(script, case)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(PATIENCE)
    _, status = os.waitpid(child, 0)
    hung = signal.alarm(0) == 0
    return None if hung and os.WIFSIGNALED(status) else time.monotonic() - began


def run(script: str, case: str) -> None:
    """Never returns. Neither exit codes nor exit handlers matter here: time does."""
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    sys.argv = [script, case]
    sys.path[0] = os.path.dirname(script)  # noqa: PTH120 - pathlib is one import more
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
