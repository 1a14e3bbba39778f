"""Writes the logs of a run, and reads them again.

Each log has a path such as `logs/<cell>.txt`. The first `MOST_FILES` logs are files. A disk under
load takes longest to make files, and longer to remove them, so all further logs are members of one
archive, logs.tar, under the same paths: `tar xf logs.tar` in the run's folder makes files of them.

Members are appended whole, so a killed run has every log that its journal names. Its archive, as
that of every run, has no end mark; tar and Python's tarfile accept that.
"""

from __future__ import annotations

import itertools
import os
import tarfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Optional

from runner.machine import files

FOLDER = "logs"
ARCHIVE = "logs.tar"
MOST_FILES = 5000
MOST_TEXT = 64 << 20
"""Bytes of a log or another text, unless somebody means harm."""
_AT_ONCE = 1 << 20
"""Bytes of members that wait in memory at most, besides the last one."""
_BLOCK = tarfile.BLOCKSIZE
_LONGEST_NAME = 4096
_MOST_MEMBERS = 1_000_000
"""More are not read, since a stranger may have made the archive."""


class LogWriter:
    """Writes the logs of one run. Any thread may call its methods; they raise `OSError`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        self._names = {f"{FOLDER}/{path.name}" for path in (folder / FOLDER).iterdir()}
        """The logs that are files: one of them is replaced by a file, never hidden by it."""
        self._waiting = bytearray()
        self._archive = -1

    def write(self, name: str, content: bytes) -> None:
        """Write a log. What goes into the archive may wait until `flush`."""
        with self._lock:
            if name not in self._names and len(self._names) >= MOST_FILES:
                self._waiting += _member(name, content)
                if len(self._waiting) > _AT_ONCE:
                    self._append()
                return
            self._names.add(name)
        write_new(f"{self._folder}/{name}", content)

    def flush(self) -> None:
        """Write what waits. If the disk is full, it goes on waiting."""
        with self._lock:
            self._append()

    def _append(self) -> None:
        if not self._waiting:
            return
        if self._archive < 0:
            how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._archive = os.open(self._folder / ARCHIVE, how, 0o666)
        files.append_whole(self._archive, bytes(self._waiting))
        self._waiting = bytearray()

    def close(self) -> None:
        if self._archive >= 0:
            os.close(self._archive)
            self._archive = -1


def write_new(path: str, content: bytes) -> None:
    """Write a new file; a script of the local engine may have put a link in its place.

    It is written without a file object, whose making would take half of the time.
    """
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        file = os.open(path, how, 0o666)
    except FileExistsError:
        Path(path).unlink()
        file = os.open(path, how, 0o666)
    try:
        files.write_all(file, content)
    finally:
        os.close(file)


def _member(name: str, content: bytes) -> bytes:
    padding = b"\0" * (-len(content) % _BLOCK)
    return _head(name.encode("utf-8", "surrogateescape"), len(content)) + content + padding


_HEAD = tarfile.TarInfo().tobuf(tarfile.GNU_FORMAT)
_SUM = sum(_HEAD[:124]) + sum(_HEAD[135:148]) + 8 * ord(" ") + sum(_HEAD[156:])
"""The checksum without the name and the size. The checksum itself counts as eight spaces."""


def _head(name: bytes, size: int) -> bytes:
    """What `TarInfo.tobuf` makes, in a tenth of its time: heads differ in three fields only."""
    digits = b"%011o" % size
    if len(name) > tarfile.LENGTH_NAME or len(digits) > 11:
        head = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
        head.size = size
        return head.tobuf(tarfile.GNU_FORMAT)
    checksum = b"%06o\0" % (_SUM + sum(name) + sum(digits))
    start = name.ljust(tarfile.LENGTH_NAME, b"\0") + _HEAD[tarfile.LENGTH_NAME : 124]
    return start + digits + _HEAD[135:148] + checksum + _HEAD[155:]


class RunFiles:
    """Reads the files of a run, its logs among them, by their paths in the run's folder.

    A stranger may have written the files and the records that name them: only regular files inside
    the folder are read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)
        self._parents: dict[str, str] = {}

    def read(self, name: str, most: int) -> Optional[bytes]:
        """The first `most` bytes of a file; None if there is none."""
        try:
            return self._member(name, most) if name in self._members else self._file(name, most)
        except OSError:
            return None

    def text(self, name: Optional[str]) -> Optional[str]:
        """The whole text of a file; None if there is none, or if it is larger than `MOST_TEXT`."""
        content = self.read(name, MOST_TEXT + 1) if name else None
        if content is None or len(content) > MOST_TEXT:
            return None
        return content.decode("utf-8", "replace")

    @cached_property
    def has_archive(self) -> bool:
        """Whether some of the logs are in the archive."""
        return bool(self._members)

    def _inside(self, parent: str) -> str:
        """The real path of `parent` if it is inside the folder, else "". Many files share it."""
        if parent not in self._parents:
            path = os.path.realpath(os.path.join(self._root, parent))  # noqa: PTH118 - for speed
            inside = path == self._root or path.startswith(self._root + os.sep)
            self._parents[parent] = path if inside else ""
        return self._parents[parent]

    def _file(self, name: str, most: int) -> Optional[bytes]:
        parent, _, last = name.rpartition("/")
        place = self._inside(parent) if last not in ("", ".", "..") and "\0" not in name else ""
        return files.read_beginning(f"{place}/{last}", most) if place else None

    def _member(self, name: str, most: int) -> bytes:
        start, size = self._members[name]
        return os.pread(self._archive.fileno(), min(most, size), start)

    @cached_property
    def _members(self) -> dict[str, tuple[int, int]]:
        """The archive's members: path → offset and size in bytes. The last of a name holds, and a
        file hides them all."""
        found: dict[str, tuple[int, int]] = {}
        with suppress(OSError):
            for name, start, size in itertools.islice(_members(self._archive), _MOST_MEMBERS):
                found[name] = start, size
            for path in (self._folder / FOLDER).iterdir() if found else ():
                found.pop(f"{FOLDER}/{path.name}", None)
        return found

    @cached_property
    def _archive(self) -> BinaryIO:
        """The archive, open as long as this reader is there. Raises `OSError` if there is none."""
        archive = files.open_regular(self._folder / ARCHIVE)
        weakref.finalize(self, archive.close)
        return archive


def _members(archive: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """The name, the start and the size of each whole member, up to the first that is not.

    Python's tarfile would take ten times as long, and as much memory as a stranger likes.
    """
    end = archive.seek(0, os.SEEK_END)
    long_name, at = b"", 0
    while at + _BLOCK <= end:
        archive.seek(at)
        head = archive.read(_BLOCK)
        size = _size(head)
        start = at + _BLOCK
        at = start + size + -size % _BLOCK
        if size < 0 or at > end:
            return
        kind = head[156:157]
        if kind == tarfile.GNUTYPE_LONGNAME and size <= _LONGEST_NAME:
            long_name = archive.read(size)
        elif kind == tarfile.REGTYPE:
            name = (long_name or head[:100]).split(b"\0", 1)[0]
            yield name.decode("utf-8", "replace"), start, size
            long_name = b""
        else:
            return


def _size(head: bytes) -> int:
    """The size in a member's head; -1 if there is none that this module wrote."""
    try:
        return int(head[124:135], 8)
    except ValueError:
        return -1
