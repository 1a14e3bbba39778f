"""Runs a script in a cell, and tells what it left in its working folder in lines `::test JSON`.

A copy of this file lies in the cell beside the script: `python tfmatrix_saver.py SCRIPT ARGUMENTS`.
Standard library alone, Python 3.6 to 3.13; nothing of tfmatrix is there. What it tells is bounded
here, and checked again by `runner.cells.exchange.saved`.
"""

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import types
import zlib
from typing import Dict, Iterator, List

MOST_BYTES = 64 << 20  # of the files
MOST_TEXT = 1900000  # bytes of the lines: the agent keeps 2 MiB of them
MOST_FILES, DEEPEST = 1000, 16
LONGEST_NAME = 500  # characters
LINE = 48000  # characters of data in one line
TELL = "--tfmatrix-tell"


class Refused(Exception):
    """What the script left cannot be handed on; `str()` says why."""


def main() -> int:
    begin, place, script = now(), os.getcwd(), sys.argv[1]
    sys.argv[:] = sys.argv[1:]
    try:
        run_as_main(script)
    except SystemExit as error:
        if error.code not in (None, 0):
            raise
    except BaseException as error:
        return report(error)
    sys.stdout.flush()
    # Another process looks at the folder: what this one reads counts as read by the script.
    teller = [sys.executable, "-I", os.path.abspath(__file__), TELL, str(begin)]
    try:
        return subprocess.call(teller, cwd=place)
    except OSError as error:
        tell_line({"refused": "its working folder is gone: %s" % error})
        return 0


def now() -> int:
    """The time as the file system counts it, in ns: its clock is coarser than the system's."""
    with tempfile.TemporaryFile() as file:
        return os.fstat(file.fileno()).st_ctime_ns


def run_as_main(script: str) -> None:
    """As `python SCRIPT` does."""
    path = os.path.abspath(script)
    main_module = types.ModuleType("__main__")
    main_module.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None)
    KEPT.append(sys.modules["__main__"])
    sys.modules["__main__"] = main_module
    with open(path, "rb") as file:
        source = file.read()
    exec(compile(source, path, "exec", 0, True), main_module.__dict__)


KEPT = []  # type: List[types.ModuleType]  # this module, which would end with its place


def report(error: BaseException) -> int:
    """Print an uncaught error as Python does, without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    return 1


def tell(begin: int) -> None:
    """Tell the files below the working folder that were made or changed since `begin`."""
    try:
        lines = list(told(files_since(begin)))
    except (Refused, OSError) as error:
        lines = [{"refused": str(error)[:1000]}]
    for line in lines:
        tell_line(line)


def tell_line(line: Dict[str, object]) -> None:
    print("\n::test " + json.dumps(line))


def told(found: List[str]) -> Iterator[Dict[str, object]]:
    size, length, whole = 0, 0, hashlib.sha256()
    for path in sorted(found):
        size += os.lstat(path).st_size
        if size > MOST_BYTES:
            raise Refused("it left more than %d MiB" % (MOST_BYTES >> 20))
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(MOST_BYTES + 1)
        whole.update(hashlib.sha256(path.encode()).digest() + hashlib.sha256(content).digest())
        text = base64.b85encode(zlib.compress(content, 9)).decode("ascii")
        length += len(text) + (len(text) // LINE + 1) * (len(json.dumps(path)) + 60)
        if length > MOST_TEXT:
            raise Refused("it left more than %.1f MB, compressed" % (MOST_TEXT * 0.8e-6))
        for start in range(0, len(text), LINE):
            yield {"file": path, "data": text[start : start + LINE]}
    yield {"files": len(found), "sha256": whole.hexdigest()}


def files_since(begin: int) -> List[str]:
    """Paths below the working folder. Raises `Refused` for a link, a pipe, and for too many."""
    found = []  # type: List[str]
    for place, folders, names in os.walk(os.curdir, onerror=raise_error):
        folders[:] = [name for name in folders if name != "__pycache__"]
        if place.count(os.sep) > DEEPEST:
            raise Refused("it left folders more than %d deep" % DEEPEST)
        for path in new_files(place, folders + names, begin):
            found.append(path)
            if len(found) > MOST_FILES:
                raise Refused("it left more than %d files" % MOST_FILES)
    return found


def new_files(place: str, names: List[str], begin: int) -> Iterator[str]:
    for name in names:
        path = os.path.normpath(os.path.join(place, name))
        info = os.lstat(path)
        if info.st_ctime_ns < begin or stat.S_ISDIR(info.st_mode):
            continue
        if not stat.S_ISREG(info.st_mode):
            raise Refused("it left %s, which is no plain file" % ascii(path)[1:-1][:200])
        if path.encode("utf-8", "replace") != os.fsencode(path):
            raise Refused("it left a file whose name is no text: %s" % ascii(path)[:200])
        if not path.isprintable() or len(path) > LONGEST_NAME:
            raise Refused("it left a file whose name cannot be handed on: %s" % ascii(path)[:200])
        yield path


def raise_error(error: OSError) -> None:
    raise error


if __name__ == "__main__":
    if sys.argv[1:2] == [TELL]:
        tell(int(sys.argv[2]))
    else:
        sys.exit(main())
