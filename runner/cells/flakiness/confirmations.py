"""Stores the signatures that fresh processes showed, across runs.

`trusted` names the keys: which script, with which files, in which environment. Lines are appended
to a small file for each key; a full file begins anew. Many runs may write at once: a line that is
unreadable or lost costs a second look, never a wrong answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

LARGEST = 256 * 1024
"""A file of so many bytes begins anew, so that a script that always differs cannot fill the
disk."""
LONGEST = 4000
"""The longest line in bytes, so that one call writes it whole."""


class Confirmations(Protocol):
    """The signatures of forked children that are trusted. Called from many threads."""

    def signatures(self, key: str) -> frozenset[str]:
        """The signatures that fresh processes showed, stored with this key."""

    def confirm(self, key: str, signature: str) -> None: ...

    def ends_well(self, environment: str) -> bool:
        """Whether a forked child once ended in Python's normal way without a crash.

        If so, later ones may end in a faster way.
        """

    def add_ends_well(self, environment: str) -> None: ...


class InMemory:
    """Confirmations that last as long as this process."""

    def __init__(self) -> None:
        self._said: dict[str, frozenset[str]] = {}
        self._ends_well: set[str] = set()
        self._lock = threading.Lock()

    def signatures(self, key: str) -> frozenset[str]:
        return self._said.get(key, frozenset())

    def confirm(self, key: str, signature: str) -> None:
        with self._lock:
            self._said[key] = self.signatures(key) | {signature}

    def ends_well(self, environment: str) -> bool:
        return environment in self._ends_well

    def add_ends_well(self, environment: str) -> None:
        with self._lock:
            self._ends_well.add(environment)


class OnDisk:
    """Confirmations in a folder. Safe for many threads and processes; never raises for disk
    errors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, frozenset[str]] = {}
        self._ends_well: set[str] = set()
        self._lock = threading.Lock()

    def signatures(self, key: str) -> frozenset[str]:
        with self._lock:
            return self._get(key)

    def confirm(self, key: str, signature: str) -> None:
        """Stores the signature for this run and later ones."""
        with self._lock:
            known = self._get(key)
            if signature in known:
                return
            self._known[key] = known | {signature}
            _append(self._path(key, ".jsonl"), signature)

    def ends_well(self, environment: str) -> bool:
        return environment in self._ends_well or self._path(environment, ".ends-well").exists()

    def add_ends_well(self, environment: str) -> None:
        with self._lock, suppress(OSError):
            if environment not in self._ends_well:
                self._ends_well.add(environment)
                self.folder.mkdir(parents=True, exist_ok=True)
                self._path(environment, ".ends-well").touch()

    def _get(self, key: str) -> frozenset[str]:
        if key not in self._known:
            self._known[key] = _read(self._path(key, ".jsonl"))
        return self._known[key]

    def _path(self, key: str, suffix: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / f"{name[:40]}{suffix}"


def _read(path: Path) -> frozenset[str]:
    try:
        with open(path, "rb") as file:
            lines = file.read(LARGEST + LONGEST).split(b"\n")
    except OSError:
        return frozenset()
    return frozenset(text for line in lines if (text := _signature(line)))


def _signature(line: bytes) -> str:
    """The signature in a line; "" if the line is damaged."""
    try:
        value = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _append(path: Path, signature: str) -> None:
    # The line break at its start separates it from half a line of a killed process.
    line = f"\n{json.dumps(signature)}\n".encode("ascii")
    if len(line) > LONGEST:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(file).st_size >= LARGEST:
                os.ftruncate(file, 0)
            os.write(file, line)
        finally:
            os.close(file)
    except OSError:
        return
