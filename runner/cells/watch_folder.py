"""Keeps a script's files in one folder that is updated from one snapshot after another.

A process that has imported TensorFlow for a script stays in the script's folder. To let it run the
next version too, that version replaces the last one.
"""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

from attrs import evolve

from runner.cells.snapshot.record import Snapshot
from runner.machine import files


class WatchFolder:
    """The folder of one repro. Renew it only between rounds, when nothing runs in it."""

    def __init__(self, folder: Path) -> None:
        """Creates `folder`, which belongs to this object alone."""
        self._folder = folder
        self._place = folder
        self._names: tuple[str, ...] = ()
        self._mtime = 0

    def renew(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` with this folder as its workspace, which then holds the same files.

        If the names of the files changed, it is a new folder: other modules can then be imported,
        and Python may have cached the old list.
        """
        if snapshot.files != self._names:
            self._place = self._folder / secrets.token_hex(4)
            self._names = snapshot.files
        # Python compares bytecode with its source by whole seconds: give each version a later one.
        self._mtime = max(int(time.time()), self._mtime + 1)
        for name in snapshot.files:
            self._copy(snapshot.workspace.home / name, self._place / name)
        here = evolve(snapshot.workspace, folder=self._place, place="", live=True)
        return evolve(snapshot, workspace=here)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _copy(self, source: Path, target: Path) -> None:
        content = source.read_bytes()
        if target.exists() and target.read_bytes() == content:
            return
        mode = source.stat().st_mode & 0o777
        files.write_atomic(target, content, mode=mode, modified=self._mtime)
