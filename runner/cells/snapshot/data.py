"""A folder of read-only data for cells, and the digest of its content."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from runner.errors import UsageError

MOST_FILES = 100_000
_BLOCK = 1 << 20


def digest_of_data(folder: Path) -> str:
    """The hex digest of the names and contents of all files in `folder`; times do not matter.

    Raises `UsageError` for what no cell could read: a link that leads out, a pipe, a private file.
    """
    whole = hashlib.sha256()
    try:
        for number, (name, path) in enumerate(sorted(_files(folder))):
            if number >= MOST_FILES:
                raise UsageError(f"--data {folder}: it holds more than {MOST_FILES:,} files")
            encoded = os.fsencode(name)
            whole.update(b"%d:%b%b" % (len(encoded), encoded, _content(path)))
    except OSError as error:
        raise UsageError(f"--data: {error.filename}: {error.strerror}") from None
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    root = folder.resolve()
    for place, _, names in os.walk(root, onerror=_raise):
        for name in names:
            path = Path(place, name)
            if not path.is_file():
                raise UsageError(f"--data {folder}: {path.relative_to(root)} is not a regular file")
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise UsageError(
                    f"--data {folder}: {path.relative_to(root)} is a link that leads out of it,"
                    " where no container can follow"
                )
            yield path.relative_to(root).as_posix(), path


def _raise(error: OSError) -> None:
    raise error


def _content(path: Path) -> bytes:
    status = path.stat()
    return _hashed(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@functools.lru_cache(maxsize=1024)
def _hashed(path: Path, _same: tuple[int, ...]) -> bytes:
    """The digest of one file, cached: all repros of a run share their data."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            content.update(block)
    return content.digest()
