"""Lists the user's own files beside a script, if they are few enough to copy."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Optional

MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 2_000
"""The most files of a script's folder that are copied, because every cell gets its own copy."""

_VERSION_CONTROL = ("CVS", "_darcs")
_MARKS = ("pyvenv.cfg", "conda-meta", "CACHEDIR.TAG", "cells.jsonl")
"""A folder with one of these is a virtual environment, a cache, or a run of this tool."""


def files_to_copy(root: Path, ours: Collection[Path]) -> Optional[dict[str, Path]]:
    """Name below `root` → file; None if there is more than may be copied.

    Without `ours`, hidden files, caches, virtual environments, version control, unreadable files,
    and links that lead out of `root`.
    """
    found: dict[str, Path] = {}
    size = 0
    for name, real in _files(root, root, "", frozenset({root}), ours):
        found[name] = real
        size += real.stat().st_size
        if size > MOST_BYTES or len(found) > MOST_FILES:
            return None
    return found


def names_in(folder: Path) -> list[str]:
    """The names in a folder, sorted, without hidden ones and those that Python makes."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
    return [
        name
        for name in names
        if not name.startswith(".")
        and name != "__pycache__"
        and not name.endswith((".pyc", ".pyo"))
    ]


def has_files(root: Path, name: str, ours: Collection[Path]) -> bool:
    """Whether a listing of the folder would lack `name` below `root`.

    True for a file, a folder with some file that may be copied, or a link that leads elsewhere.
    """
    real = Path(os.path.realpath(root / name))
    if root not in real.parents or not real.is_dir():
        return True
    never = _is_never_copied(real, ours)
    return not never and any(True for _ in _files(root, real, name, frozenset({real}), ours))


def _is_never_copied(folder: Path, ours: Collection[Path]) -> bool:
    """Whether it is a cache, an environment, a run or the like."""
    return (
        folder.name in _VERSION_CONTROL
        or folder in ours
        or any((folder / mark).exists() for mark in _MARKS)
    )


def _files(
    root: Path, folder: Path, place: str, above: frozenset[Path], ours: Collection[Path]
) -> Iterator[tuple[str, Path]]:
    for name in names_in(folder):
        real = Path(os.path.realpath(folder / name))
        inner = posixpath.join(place, name)
        status = _status(real)
        if status is None or (root not in real.parents):
            continue
        if stat.S_ISDIR(status.st_mode):
            if real not in above and not _is_never_copied(real, ours):
                yield from _files(root, real, inner, above | {real}, ours)
        elif stat.S_ISREG(status.st_mode) and os.access(real, os.R_OK):
            yield inner, real


def _status(path: Path) -> Optional[os.stat_result]:
    try:
        return path.stat()
    except OSError:
        return None
