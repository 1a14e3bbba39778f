"""Stores measurements under keys made from everything that can change them.

A key is made from the environment, the script and its files, arguments, variables, limits and the
agent, never from names or times. Touching a file does not change the key; editing it does.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Optional

import attrs
import msgspec

from runner import serial
from runner.errors import refusal_of
from runner.machine import files
from runner.model import OUT, Execution, Limits

_FRESHLY_USED = 6 * 3600.0
"""Another use within this many seconds is not noted, because most runs use all entries."""
_KEY = re.compile(r"[0-9a-f]{64}")
_FORMAT = 1
"""Part of every key. Raise it when the meaning of an `Execution`'s fields changes."""


def cell_key(
    *,
    environment_key: str,
    snapshot_digest: str,
    script: str,
    args: Sequence[str],
    env: Mapping[str, str],
    limits: Limits,
    agent_digest: str,
    mode: str = "fresh",
    repeat: int = 1,
    data: str = "",
    fail_on: str = "",
    keep: str = OUT,
) -> str:
    """The hex digest of everything that can change a cell. `script` is its path in the snapshot."""
    # JSON with sorted keys. The cells of a case differ only in their environment.
    before, after = _around(
        snapshot_digest,
        script,
        tuple(args),
        tuple(env.items()),
        limits,
        agent_digest,
        mode,
        repeat,
        data,
        fail_on,
        keep,
    )
    text = f'{before},"environment":{_canonical(environment_key)},{after}'
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@functools.lru_cache(maxsize=4096)
def _around(
    snapshot_digest: str,
    script: str,
    args: tuple[str, ...],
    env: tuple[tuple[str, str], ...],
    limits: Limits,
    agent_digest: str,
    mode: str,
    repeat: int,
    data: str,
    fail_on: str,
    keep: str,
) -> tuple[str, str]:
    """The parts of the key before and after the environment, in alphabetical order."""
    before: dict[str, object] = {"agent": agent_digest, "args": args, "env": dict(env)}
    after: dict[str, object] = {
        "format": _FORMAT,
        "limits": dict(_limits(limits)),
        "mode": mode,
        "script": script,
        "snapshot": snapshot_digest,
    }
    if data:
        before["data"] = data
    if repeat > 1:  # so that measurements from before repeats existed stay valid
        after["repeat"] = repeat
    if fail_on:
        after["fail_on"] = fail_on
    if keep != OUT:
        after["keep"] = keep
    return _canonical(before)[:-1], _canonical(after)[1:]


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""Like `json.dumps`, which would create such an encoder on each call."""


@functools.lru_cache(maxsize=64)
def _limits(limits: Limits) -> tuple[tuple[str, str], ...]:
    """The limits as repr of floats: 120 and 120.0 are equal, but JSON would write them
    differently."""
    return tuple((name, repr(float(value))) for name, value in attrs.asdict(limits).items())


def _silent(message: str) -> None:
    """The default for `warn`."""


class Store:
    """Executions in a folder, one file each. Safe for many threads and processes at once.

    No method raises if the disk fails. If the store cannot be written, the run measures again and
    warns once.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = _silent) -> None:
        self.folder = folder
        self._warn = warn
        self._warned = False

    def get(
        self, key: str, read_now: Optional[Callable[[Execution], str]] = None
    ) -> Optional[Execution]:
        """The measurement under `key`, or None. Removes a damaged entry.

        `read_now` returns the current digest of the files that an execution read. If it changed,
        the entry does not count, but an earlier one may.
        """
        newest = self._entry(key)
        if newest is None or read_now is None or read_now(newest) == _read(newest):
            return newest
        earlier = self._entry(_with_reads(key, read_now(newest)))
        return earlier if earlier is not None and read_now(earlier) == _read(earlier) else None

    def _entry(self, key: str) -> Optional[Execution]:
        path = self._path(key)
        try:
            with open(path, "rb", buffering=0) as file:
                content = file.readall()
                used = os.fstat(file.fileno()).st_mtime
        except OSError:
            return None
        try:
            execution = _unpacked(content, key)
        except ValueError as error:
            self._warn(f"{path} is damaged and was removed: {error}")
            _remove(Path(path))
            return None
        if time.time() - used > _FRESHLY_USED:
            self._touch(path)
        return execution

    def put(self, key: str, execution: Execution) -> None:
        """Stores `execution`, unless it has `trouble` and so is not a measurement."""
        if execution.trouble is not None:
            return
        self._write(key, execution)
        if _read(execution):
            self._write(_with_reads(key, _read(execution)), execution)

    def _write(self, key: str, execution: Execution) -> None:
        try:
            files.write_atomic(Path(self._path(key)), _packed(key, execution))
        except OSError as error:
            self._warn_once(f"measured outcomes cannot be kept: {refusal_of(error)}")

    def purge(self, older_than: timedelta) -> int:
        """Removes entries that were not written or used for that long. Returns the freed bytes."""
        freed = 0
        for path, status in self.unused(older_than).items():
            try:
                path.unlink()
                freed += status.st_size
            except OSError:
                continue
        return freed

    def unused(self, older_than: timedelta) -> dict[Path, os.stat_result]:
        """The entries that `purge` would remove."""
        limit = time.time() - older_than.total_seconds()
        found = {}
        for path in self._files():
            with suppress(OSError):
                status = path.stat()
                if status.st_mtime < limit:
                    found[path] = status
        return found

    def _files(self) -> Iterator[Path]:
        """Entries, and the half-written files of killed processes."""
        return self.folder.glob("[0-9a-f][0-9a-f]/*")

    def _path(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a key of 64 hexadecimal digits")
        return f"{self.folder}{os.sep}{key[:2]}{os.sep}{key}.json.gz"

    def _touch(self, path: str) -> None:
        """Marks the entry as used, for `purge`."""
        try:
            os.utime(path)
        except OSError:
            return

    def _warn_once(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(message)


def _read(execution: Execution) -> str:
    """The digest of the other files that the execution read, as they were then."""
    return execution.reads.digest if execution.reads is not None else ""


def _with_reads(key: str, digest: str) -> str:
    return hashlib.sha256(f"{key} {digest}".encode()).hexdigest()


def _packed(key: str, execution: Execution) -> bytes:
    text = msgspec.json.encode({"key": key, "execution": serial.plain(execution)})
    return gzip.compress(text, compresslevel=3, mtime=0)


def _unpacked(content: bytes, key: str) -> Execution:
    """The execution. Raises `ValueError` for anything that `_packed` did not write under this
    key."""
    try:
        unpacking = zlib.decompressobj(wbits=31)  # like gzip.decompress, but three times as fast
        entry = serial.parse(unpacking.decompress(content))
    except (zlib.error, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("it is cut off, or longer than it should be")
    if not isinstance(entry, dict) or entry.get("key") != key:
        raise ValueError("it belongs to another key")
    return serial.from_json(Execution, entry.get("execution"))


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return
