"""What this tool has put on disk outside the engines: runs, and caches that can be made again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from runner import journal, paths
from runner.clean import Item

REFERENCE = "reference"


def runs() -> Iterator[Item]:
    """The runs in results/, known by their journal; the committed reference stays."""
    for head in paths.results().glob(f"*/{journal.HEAD}"):
        folder = head.parent
        if not folder.is_symlink() and folder.name != REFERENCE:
            yield _item("run", folder)


def caches() -> Iterator[Item]:
    """Snapshots of scripts. Measured outcomes are not a cache to throw away with them."""
    for folder in paths.snapshots().glob("*"):
        yield _item("cache", folder)


def _item(kind: str, folder: Path) -> Item:
    return Item(
        kind=kind,
        name=str(folder),
        size=folder_size(folder),
        last_used=folder.lstat().st_mtime,
        remove=partial(_remove_tree, folder),
    )


def folder_size(folder: Path) -> int:
    """Bytes of the regular files below `folder`, links not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            total += (Path(place) / name).lstat().st_size
    return total


def _remove_tree(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        os.chmod(place, 0o700)
    shutil.rmtree(folder)
