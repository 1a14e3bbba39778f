"""The files of this tool outside the engines: runs, and caches that can be made again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Optional

from attrs import evolve

from runner import paths
from runner.cells.store import Store
from runner.machine.items import Removable, if_there
from runner.runs import journal, retention

_BEING_MADE = 3600.0
"""A younger snapshot without a name may still be in use by another run, so it is kept. In
seconds."""


def removable_runs(keep: int = 0) -> Iterator[Removable]:
    """The runs in results/ whose name is their date, except the newest `keep`."""
    folders = retention.dated_runs(paths.results())
    for folder in folders[: max(0, len(folders) - keep)]:
        yield from if_there(partial(_item, "run", folder))


def removable_reports(whole: int, keep: Optional[int] = None) -> Iterator[Removable]:
    """The reports and logs of those runs, except the newest `whole`.
    With `keep`, only of the newest `keep`."""
    folders = retention.dated_runs(paths.results())
    oldest = 0 if keep is None else max(0, len(folders) - keep)
    for folder in folders[oldest : max(oldest, len(folders) - whole)]:
        rendered = retention.reports_and_logs(folder)
        if rendered:
            size = sum(map(folder_size, rendered))
            yield evolve(
                _item("reports", folder),
                size=size,
                remove=partial(retention.remove_reports_and_logs, folder),
            )


def removable_caches() -> Iterator[Removable]:
    """The caches that can be made again, except those that the engines list.

    Measured outcomes are not among them.
    """
    for folder in paths.CACHE.values():
        found = paths.own_files(folder)
        if found and folder.removal is paths.Removal.WHOLE:
            yield Removable(
                kind="cache",
                name=str(paths.cache() / folder.name),
                size=sum(map(folder_size, found)),
                last_used=max(each.lstat().st_mtime for each in found),
                remove=partial(_remove_all, found),
            )
    for each in paths.own_files(paths.CACHE["snapshots"]):
        if not each.name.startswith(".") or _idle(each) > _BEING_MADE:
            yield from if_there(partial(_item, "cache", each))


def removable_outcomes(older_than: timedelta) -> Iterator[Removable]:
    """The stored outcomes that were not used for `older_than`, as one item."""
    store = Store(paths.store())
    unused = store.unused(older_than) if paths.own_files(paths.CACHE["store"]) else {}
    if unused:
        yield Removable(
            kind="outcomes",
            name=f"{len(unused)} measured in {store.folder}",
            size=sum(status.st_size for status in unused.values()),
            last_used=max(status.st_mtime for status in unused.values()),
            remove=partial(_purge, store, older_than),
        )


def _purge(store: Store, older_than: timedelta) -> None:
    store.purge(older_than)


def _idle(folder: Path) -> float:
    return time.time() - folder.lstat().st_mtime


def _item(kind: str, folder: Path) -> Removable:
    return Removable(
        kind=kind,
        name=str(folder),
        size=folder_size(folder),
        last_used=folder.lstat().st_mtime,
        remove=partial(_remove_tree, folder),
    )


def folder_size(folder: Path) -> int:
    """The size of all files below a folder, or of one file, in bytes; links are not followed."""
    if folder.is_symlink() or not folder.is_dir():
        return folder.lstat().st_size
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            total += (Path(place) / name).lstat().st_size
    return total


def _remove_all(entries: Iterable[Path]) -> None:
    for entry in entries:
        if entry.is_dir():
            _remove_tree(entry)
        else:
            entry.unlink()


def _remove_tree(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        os.chmod(place, 0o700)
    shutil.rmtree(folder)
    latest = folder.parent / journal.LATEST
    if latest.is_symlink() and not latest.exists():
        latest.unlink()
