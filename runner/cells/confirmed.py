"""Signatures that fresh processes have said, kept per environment from run to run.

A forked child is believed at once only where it says what a fresh process of its environment has
said before. One small file an environment, appended to and never rewritten: many runs may write at
once, and what cannot be read costs a second look, never an answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

LARGEST = 256 * 1024
"""Bytes of one file: a script that says something else each time must not fill the disk."""
LONGEST = 4000
"""Bytes of one line, so that it is written by one call, whole, wherever the file then ends."""


class Confirmed:
    """`Seen` in a folder. Safe for many threads and processes at once; never raises for a disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def get(self, environment: str) -> frozenset[str]:
        """What fresh processes of the environment with this key have said."""
        with self._lock:
            return self._get(environment)

    def add(self, environment: str, signature: str) -> None:
        """Remember it, here and for later runs."""
        with self._lock:
            known = self._get(environment)
            if signature in known:
                return
            self._known[environment] = known | {signature}
            _append(self._path(environment), signature)

    def _get(self, environment: str) -> frozenset[str]:
        if environment not in self._known:
            self._known[environment] = _read(self._path(environment))
        return self._known[environment]

    def _path(self, environment: str) -> Path:
        name = hashlib.sha256(environment.encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / f"{name[:40]}.jsonl"


def _read(path: Path) -> frozenset[str]:
    try:
        with open(path, "rb") as file:
            lines = file.read(LARGEST + LONGEST).split(b"\n")
    except OSError:
        return frozenset()
    return frozenset(text for line in lines if (text := _signature(line)))


def _signature(line: bytes) -> str:
    """What a line says; nothing where it is damaged."""
    try:
        value = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _append(path: Path, signature: str) -> None:
    # It begins with an end of line too: half a line, left by a dead process, spoils no other.
    line = f"\n{json.dumps(signature)}\n".encode("ascii")
    if len(line) > LONGEST:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(file).st_size < LARGEST:
                os.write(file, line)
        finally:
            os.close(file)
    except OSError:
        return
