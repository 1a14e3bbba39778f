"""Fails where code under test writes outside the one folder it was given."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FIRST = frozenset({"os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.utime"})
TREES = frozenset({"shutil.rmtree", "shutil.move"})
BOTH = frozenset({"os.rename", "os.link"})
NEVER = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect"})


class OutsideError(BaseException):
    """Not an Exception: what is under test must not swallow it."""


class _Guard:
    inside: Optional[str] = None

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.inside is None:
            return
        for path in _written(event, args):
            if not _below(path, self.inside):
                self.inside = None
                raise OutsideError(f"{event}: {path!r}")


_guard = _Guard()
sys.addaudithook(_guard.hook)


@contextlib.contextmanager
def only_in(folder: Path) -> Iterator[None]:
    """While this holds, nothing may be written outside `folder`, started or connected to."""
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # modules come in late
    _guard.inside = os.path.realpath(folder)
    try:
        yield
    finally:
        _guard.inside = None
        sys.dont_write_bytecode = writes_none


def _written(event: str, args: tuple[Any, ...]) -> Iterator[Any]:
    if event in NEVER:
        yield event
    elif event == "open":
        path, mode, flags = args
        writes = bool(set("wax+") & set(mode)) if isinstance(mode, str) else bool(flags & WRITING)
        if writes and not isinstance(path, int):
            yield path
    elif event in TREES or (event in FIRST and not _relative_to_a_folder(args)):
        yield args[0]
    elif event in BOTH:
        yield from args[:2]
    elif event == "os.symlink":
        yield args[1]


def _relative_to_a_folder(args: tuple[Any, ...]) -> bool:
    """rmtree goes down by descriptors; it was looked at as it began."""
    return isinstance(args[-1], int) and args[-1] >= 0 and len(args) > 1


def _below(path: Any, folder: str) -> bool:
    real = os.path.realpath(Path(os.fsdecode(path)).parent)
    return real == folder or real.startswith(folder + os.sep)
