"""A temporary folder for each process of this tool. The folder of a dead process has no lock.

All temporary files are in it, and all child processes have its name in their environment. A killed
process cannot clean up, but it loses its lock. The next run that finds a folder without a lock ends
the processes with its name and removes it.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from runner.machine.removal import remove_folder

MARK = "TFMATRIX_TEMPORARY"
"""The variable of child processes that contains the folder's name."""
_PREFIX = "tfmatrix-run-"

_making = threading.Lock()
_folder: Optional[Path] = None


def process_folder() -> Path:
    """This process's folder, made at the first call, after folders of dead processes were
    removed."""
    global _folder
    with _making:
        if _folder is None or not _folder.is_dir():
            end_dead_runs()
            _folder = _make()
            atexit.register(remove_folder, str(_folder))
        return _folder


def mark_variables() -> dict[str, str]:
    """The additional variables for child processes."""
    try:
        return {MARK: str(process_folder())}
    except OSError:  # The disk is full; the code that needs the folder will report it.
        return {}


def end_dead_runs() -> list[Path]:
    """Ends the processes of dead runs and removes their folders, which it returns. Never raises."""
    swept = []
    for path in list(_all()):
        with _lock(path) as dead:
            if dead:
                kill_all_below(str(path))
                remove_folder(str(path))
                swept.append(path)
    return swept


def dead_folders() -> list[Path]:
    """The folders of dead runs."""
    found = []
    for path in _all():
        with _lock(path) as dead:
            found += [path] if dead else []
    return found


def _make() -> Path:
    """Makes a folder and locks it before it gets the name for which others look."""
    parent = Path(tempfile.gettempdir()).resolve()
    name = secrets.token_hex(4)
    made = parent / f".{_PREFIX}{name}"
    made.mkdir(mode=0o700)
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY)  # never closed, so that the lock stays
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return made.rename(parent / f"{_PREFIX}{name}")


def _all() -> Iterator[Path]:
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if path.lstat().st_uid == os.getuid():
                    yield path


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether the lock of `path` was free; if so, it is held during the block."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


# --- Processes with a folder's name --------------------------------------------------------------


def kill_all_below(folder: str, patience: float = 5.0) -> None:
    """Kills every process whose environment names a path in `folder`, which must belong to this
    process.

    Linux only. It is for processes of an agent that was killed and could not end them. A process
    can escape by starting another one with a different environment.
    """
    marks = (f"={folder}/".encode(), f"={folder}\0".encode())
    end = time.monotonic() + patience
    while time.monotonic() < end:
        pids = [pid for pid in _other_pids() if _bears(pid, marks)]
        if not pids:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(OSError):
                    os.kill(pid, number)
        time.sleep(0.01)


def _other_pids() -> list[int]:
    try:
        names = [path.name for path in Path("/proc").iterdir()]
    except OSError:
        return []
    own = (1, os.getpid(), os.getppid())
    return [int(name) for name in names if name.isdigit() and int(name) not in own]


def _bears(pid: int, marks: tuple[bytes, ...]) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read(1 << 20)
    except OSError:
        return False
    return any(mark in environment for mark in marks)
