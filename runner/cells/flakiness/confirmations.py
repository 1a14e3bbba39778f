"""The signatures of fresh processes of a script in an environment, kept from run to run.

A forked child is believed at once only if a fresh process of the same script has shown the same
signature before. Each script and environment has a small file, which is only appended to: many runs
may write at once, and a line that cannot be read costs a second look, never a wrong answer.
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
"""Bytes of one file, so that a script that differs each time does not fill the disk."""
LONGEST = 4000
"""Bytes of one line, so that one call writes it whole."""


class Confirmations(Protocol):
    """The signatures of forked children that may be believed. Called from many threads."""

    def signatures(self, script: str) -> frozenset[str]:
        """The signatures that fresh processes have shown; `script` is the key of one script's
        content in one environment."""

    def confirm(self, script: str, signature: str) -> None: ...

    def ends_well(self, environment: str) -> bool:
        """Whether a forked child has ended in Python's own way without a crash; others need not
        then."""

    def add_ends_well(self, environment: str) -> None: ...


class InMemory:
    """Kept while this process lives."""

    def __init__(self) -> None:
        self._said: dict[str, frozenset[str]] = {}
        self._ends_well: set[str] = set()
        self._lock = threading.Lock()

    def signatures(self, script: str) -> frozenset[str]:
        return self._said.get(script, frozenset())

    def confirm(self, script: str, signature: str) -> None:
        with self._lock:
            self._said[script] = self.signatures(script) | {signature}

    def ends_well(self, environment: str) -> bool:
        return environment in self._ends_well

    def add_ends_well(self, environment: str) -> None:
        with self._lock:
            self._ends_well.add(environment)


class OnDisk:
    """Kept in a folder. Safe for many threads and processes; never raises for errors of the
    disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, frozenset[str]] = {}
        self._ends_well: set[str] = set()
        self._lock = threading.Lock()

    def signatures(self, script: str) -> frozenset[str]:
        with self._lock:
            return self._get(script)

    def confirm(self, script: str, signature: str) -> None:
        """Keep it for this run and later ones."""
        with self._lock:
            known = self._get(script)
            if signature in known:
                return
            self._known[script] = known | {signature}
            _append(self._path(script, ".jsonl"), signature)

    def ends_well(self, environment: str) -> bool:
        return environment in self._ends_well or self._path(environment, ".ends-well").exists()

    def add_ends_well(self, environment: str) -> None:
        with self._lock, suppress(OSError):
            if environment not in self._ends_well:
                self._ends_well.add(environment)
                self.folder.mkdir(parents=True, exist_ok=True)
                self._path(environment, ".ends-well").touch()

    def _get(self, script: str) -> frozenset[str]:
        if script not in self._known:
            self._known[script] = _read(self._path(script, ".jsonl"))
        return self._known[script]

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
    """The signature in a line; None if the line is damaged."""
    try:
        value = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _append(path: Path, signature: str) -> None:
    # It begins with a line break too, so that half a line of a dead process spoils no other.
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
