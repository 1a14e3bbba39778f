"""A script's files at one place that stays, renewed from one snapshot after another.

A process that has imported TensorFlow for a script stands in the script's folder for good. So that
it can serve the next version too, that version is put where the last one was.
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
    """One repro's folder. Only between rounds: nothing may run in it while it is renewed."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made, and belongs to this object alone."""
        self._folder = folder
        self._place = folder
        self._names: tuple[str, ...] = ()
        self._mtime = 0

    def renew(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` with this folder as its workspace, holding the same files.

        The folder is another one where the files are not called the same as before: what can be
        imported there has changed, and nobody may have looked before it did.
        """
        if snapshot.files != self._names:
            self._place = self._folder / secrets.token_hex(4)
            self._names = snapshot.files
        # Python tells sources from their bytecode by whole seconds: let none pass for the last.
        self._mtime = max(int(time.time()), self._mtime + 1)
        for name in snapshot.files:
            self._copy(snapshot.workspace.folder / name, self._place / name)
        here = evolve(snapshot.workspace, folder=self._place, live=True)
        return evolve(snapshot, workspace=here)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _copy(self, source: Path, target: Path) -> None:
        content = source.read_bytes()
        if target.exists() and target.read_bytes() == content:
            return
        mode = source.stat().st_mode & 0o777
        files.write_atomic(target, content, mode=mode, modified=self._mtime)
