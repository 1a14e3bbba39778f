"""The folder of wheels: what a lock wants and is not there is downloaded, several at a time."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Optional

import requests

from runner import paths
from runner.environments import locks
from runner.environments.wheels.choose import File, Pinned, best, glibc_here, pinned
from runner.errors import TfmatrixError
from runner.machine import file_lock, processes
from runner.machine.files import write_atomic
from runner.releases.upstream import index

_LOCKS = ".locks"
"""Which files a lock was found to want: read instead of asking the index again."""
_AT_A_TIME = 6
_TIMEOUT = (10.0, 60.0)
_PIECE = 1 << 20

Tell = Callable[[str, int, int], None]
"""Told of a download: the largest package, the bytes that are there, and all bytes."""


class Wheelhouse:
    """Wheels in `folder`, for any thread and any process of the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index: Optional[index.Index] = None
        self._pages: dict[str, tuple[File, ...]] = {}
        self._lock = threading.Lock()
        self._glibc = glibc_here()
        self._out_of_reach = False

    def fetch(self, lock: str, python: str, tell: Tell) -> tuple[str, ...]:
        """The requirements of `lock` whose wheels for `python` are here now, as lines of a lock.

        What cannot be had is left to the installer, which says why. Raises `processes.Stopped`.
        """
        wanted = tuple(pinned(locks.lines(lock)))
        note = self._note(wanted, python)
        here = _read(note)
        if here is None or not all((self.folder / name).exists() for name in here):
            here = self._fetch(wanted, python, tell, note)
        hashes = frozenset(here.values())
        return tuple(each.line for each in wanted if hashes & each.hashes)

    def doubt(self, lock: str, python: str) -> None:
        """An installer could not use what is here for `lock`: look at each file again next time."""
        with suppress(OSError):
            self._note(tuple(pinned(locks.lines(lock))), python).unlink()

    def hashes(self) -> Mapping[str, str]:
        """Every wheel that some lock was found to want, and its SHA-256."""
        found: dict[str, str] = {}
        for note in sorted((self.folder / _LOCKS).glob("*.json")):
            found.update(_read(note) or {})
        return {name: sha256 for name, sha256 in found.items() if (self.folder / name).exists()}

    def _note(self, wanted: Sequence[Pinned], python: str) -> Path:
        return self.folder / _LOCKS / f"{_digest(wanted, python, self._glibc)}.json"

    def _fetch(
        self, wanted: Sequence[Pinned], python: str, tell: Tell, note: Path
    ) -> dict[str, str]:
        """File → SHA-256 of what is here in the end; noted where the index had the last word."""
        children = processes.current()
        with ThreadPoolExecutor(_AT_A_TIME, initializer=children.own_thread) as pool:
            chosen = list(pool.map(lambda each: self._choose(each, python), wanted))
            files = {file.name: file for file in chosen if file is not None}
            here = self._download(pool, list(files.values()), tell)
        if not self._out_of_reach and len(here) == len(files):
            with suppress(OSError):
                write_atomic(note, json.dumps(here, indent=1, sort_keys=True))
        return here

    # -- what the index has -----------------------------------------------------------------------

    def _choose(self, wanted: Pinned, python: str) -> Optional[File]:
        files = [file for file in self._page(wanted.name) if file.sha256 in wanted.hashes]
        return best(files, python, self._glibc)

    def _page(self, package: str) -> tuple[File, ...]:
        if package not in self._pages and not self._out_of_reach:
            processes.check()
            try:
                self._pages[package] = tuple(_files(self._asked(), package))
            except TfmatrixError:  # once is enough: the installer will say it
                self._out_of_reach = True
        return self._pages.get(package, ())

    def _asked(self) -> index.Index:
        with self._lock:
            if self._index is None:
                self._index = index.configured(paths.cache() / "index", say=lambda _: None)
            return self._index

    # -- downloads --------------------------------------------------------------------------------

    def _download(
        self, pool: ThreadPoolExecutor, files: Sequence[File], tell: Tell
    ) -> dict[str, str]:
        """The largest first, so that none is waited for alone."""
        ordered = sorted(files, key=lambda file: -(file.size or 0))
        counts = {file.name: 0 for file in ordered}
        futures = {pool.submit(self._obtain, file, counts): file for file in ordered}
        _follow(futures, counts, tell)
        return {file.name: file.sha256 for future, file in futures.items() if future.result()}

    def _obtain(self, file: File, counts: dict[str, int]) -> bool:
        """Whether `file` is here, fetched now where it was not."""
        path = self.folder / file.name
        try:
            with file_lock.holding(self.folder / _LOCKS / f"{file.name}.lock"):
                if not (path.exists() and _sha256(path) == file.sha256):
                    self._stream(file, path, counts)
        except (OSError, ValueError, requests.RequestException):
            return False
        return True

    def _stream(self, file: File, path: Path, counts: dict[str, int]) -> None:
        """Raises `ValueError` where what comes is not what the index promised."""
        digest = hashlib.sha256()
        part = path.with_name(f".{path.name}.part")
        session = self._asked().session
        with session.get(file.url, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            with part.open("wb") as target:
                for piece in answer.iter_content(_PIECE):
                    processes.check()
                    digest.update(piece)
                    target.write(piece)
                    counts[file.name] += len(piece)
        if digest.hexdigest() != file.sha256:
            part.unlink()
            raise ValueError(f"{file.name} is not what the index promised")
        part.replace(path)


def _files(source: index.Index, package: str) -> Iterator[File]:
    for each in source.files(package):
        sha256 = (each.digests or {}).get("sha256")
        if sha256 and each.package_type == "wheel":
            yield File(name=each.filename, sha256=sha256, url=each.url, size=each.size)


def _follow(futures: Mapping[Future[bool], File], counts: Mapping[str, int], tell: Tell) -> None:
    """Wait for all of `futures`, telling how far they are."""
    total = sum(file.size or 0 for file in futures.values())
    largest = next((file.name.partition("-")[0] for file in futures.values()), "")
    waiting = set(futures)
    while waiting:
        waiting = wait(waiting, timeout=0.3).not_done
        done = sum(counts.values())
        if waiting and done:
            tell(largest, done, max(total, done))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _digest(wanted: Sequence[Pinned], python: str, glibc: int) -> str:
    said = json.dumps([*(each.line for each in wanted), python, glibc])
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _read(note: Path) -> Optional[dict[str, str]]:
    try:
        found = json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
