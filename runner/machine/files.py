"""Writes files completely or not at all, and reads files of strangers with care."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Optional, Union

_BLOCK = 1 << 16
MOST_TEXT = 8 << 20
"""Bytes of a script or a module, unless somebody means harm."""


def write_atomic(
    path: Path,
    content: Union[str, bytes, Iterable[str]],
    *,
    mode: Optional[int] = None,
    modified: Optional[float] = None,
    sync: bool = False,
) -> None:
    """Writes `content` to `path`. At any time, a reader sees the whole new or the old content.

    `mode` and `modified` (seconds) are set on the file if given. With `sync` the file is complete
    even if the machine stops meanwhile. That is slow, and needed only for data that cannot be made
    again. A large text can be given in pieces. Raises `OSError`, and leaves no incomplete file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(temporary, how, 0o666 if mode is None else 0o600)
        try:
            for block in _blocks(content):
                write_all(descriptor, block)
            if mode is not None:
                os.fchmod(descriptor, mode)
            if modified is not None:
                os.utime(descriptor, (modified, modified))
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _blocks(content: Union[str, bytes, Iterable[str]]) -> Iterator[bytes]:
    """The content as bytes: many pieces in few blocks."""
    if isinstance(content, (str, bytes)):
        yield content.encode("utf-8") if isinstance(content, str) else content
        return
    block = bytearray()
    for piece in content:
        block += piece.encode("utf-8")
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all bytes; `os.write` may write only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append_whole(descriptor: int, data: bytes, *, sync: bool = False) -> None:
    """Appends all bytes or none: a part, on a full disk, would spoil what is appended next."""
    before = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, data)
        if sync:
            os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def is_writable(folder: Path) -> bool:
    """Whether this user may write to `folder`, or may make it if it does not exist."""
    for nearest in (folder, *folder.parents):
        if os.path.lexists(nearest):
            return os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir()
    return False


def open_regular(path: Path, *, follow_links: bool = False) -> BinaryIO:
    """Opens a file that a stranger may have put there, for reading.

    Raises `OSError` for what is not a regular file: a device that never ends, a pipe that nobody
    writes to, and a link unless `follow_links`.
    """
    return os.fdopen(_descriptor_of_regular(path, follow_links=follow_links)[0], "rb")


def read_beginning(path: str, most: int) -> bytes:
    """The first `most` bytes of such a file. Raises `OSError` as `open_regular`.

    It is read without a file object, whose making would take half of the time.
    """
    descriptor, size = _descriptor_of_regular(path, follow_links=False)
    try:
        return os.read(descriptor, min(most, size))
    finally:
        os.close(descriptor)


def _descriptor_of_regular(path: Union[str, Path], *, follow_links: bool) -> tuple[int, int]:
    """The open file and its size in bytes."""
    how = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, how if follow_links else how | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link", str(path)) from None
        raise
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor, facts.st_size


def read_regular(path: Path, most: int, *, follow_links: bool = False) -> bytes:
    """The whole content of such a file. Raises `OSError` also if it has more than `most` bytes."""
    with open_regular(path, follow_links=follow_links) as file:
        content = read_at_most(file, most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(path))
    return content


def regular_text(path: Path, *, most: int = MOST_TEXT, errors: str = "strict") -> str:
    """The text of a file that a stranger may have put there, links followed.

    Raises `OSError` where it is no regular file or has more than `most` bytes, and
    `UnicodeDecodeError` where it is not UTF-8.
    """
    return read_regular(path, most, follow_links=True).decode("utf-8", errors)


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """The first `most` bytes. It takes the memory of what there is, where `file.read(most)` takes
    that of `most` bytes at once."""
    content = bytearray()
    while len(content) < most and (block := file.read(min(_BLOCK, most - len(content)))):
        content += block
    return bytes(content)


def lines_of_regular(path: Path, longest: int, most: int) -> Iterator[bytes]:
    """The lines of such a file. Raises `OSError` if a line has more than `longest` bytes, or all
    lines together more than `most`."""
    size = 0
    with open_regular(path) as file:
        while line := file.readline(longest + 1):
            size += len(line)
            if len(line) > longest or size > most:
                raise OSError(errno.EFBIG, "it is too large", str(path))
            yield line
