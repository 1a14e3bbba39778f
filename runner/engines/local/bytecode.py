"""Bytecode that environments share: each text of a module is compiled once for each Python.

Neighbouring releases have many modules in common, word for word, and the variants of a release
nearly all: of the modules of 26 series, half of the text repeats another one's. Python recognises
bytecode by the time and the size of its source, so a copy gets those of its own source. Where they
are the same, it is a link. The name of a file has digests of source and bytecode, so one that was
damaged is not used.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from runner import paths
from runner.machine import file_lock
from runner.machine.items import Removable
from runner.machine.units import count

_STAMP = struct.Struct("<II")
"""Time and size of the source, the last fields of the header (importlib's `_code_to_timestamp_pyc`
writes them)."""


@frozen(kw_only=True)
class Bytecode:
    """What environments with one Python share. `sharing` gives it."""

    folder: Path
    version: str
    """The Python's, with its patch: `3.10.14`."""

    def place(self, packages: Path) -> dict[Path, str]:
        """Give all modules in `packages` their bytecode; returns those without, with digests."""
        known = {each.name.partition("-")[0]: each for each in self.folder.iterdir()}
        missing = {}
        for module in _modules(packages):
            digest = _digest(module.read_bytes())
            there = compiled(module, self.version).exists()
            if not there and not (digest in known and self._copy(known[digest], module)):
                missing[module] = digest
        return missing

    def keep(self, modules: Mapping[Path, str]) -> None:
        """Link the bytecode that these have now. Some have none: they are for Python 2."""
        one_of_each = {digest: module for module, digest in modules.items()}
        for digest, module in one_of_each.items():
            made = compiled(module, self.version)
            with suppress(OSError):  # another file system, a full disk
                body = made.read_bytes()[self._header :]
                os.link(made, self.folder / f"{digest}-{_digest(body)}")

    def _copy(self, known: Path, module: Path) -> bool:
        """Give `module` this bytecode; returns False if it is damaged, or gone meanwhile."""
        try:
            data, source = known.read_bytes(), module.stat()
        except FileNotFoundError:
            return False
        if _digest(data[self._header :]) != known.name.partition("-")[2]:
            known.unlink(missing_ok=True)
            return False
        stamp = _STAMP.pack(int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
        own = data[: self._header - _STAMP.size] + stamp
        target = compiled(module, self.version)
        target.parent.mkdir(exist_ok=True)
        if data.startswith(own):
            with suppress(OSError):  # another file system, too many links
                os.link(known, target)
                return True
        target.write_bytes(own + data[self._header :])
        return True

    @property
    def _header(self) -> int:
        """The bytes before the bytecode itself."""
        return 12 if self.version.startswith("3.6.") else 16


@contextmanager
def sharing(version: str, waits: Callable[[], None]) -> Iterator[Bytecode]:
    """Where environments with this Python keep bytecode, for one at a time in all processes: so
    none compiles what another one is compiling. `waits` is called if this has to wait."""
    folder = paths.bytecode() / version
    with file_lock.holding_lock(folder.with_name(f"{version}.lock"), waits):
        folder.mkdir(exist_ok=True)
        yield Bytecode(folder=folder, version=version)


def compiled(module: Path, version: str) -> Path:
    """Where Python looks for the bytecode of `module`."""
    major, minor, *_ = version.split(".")
    return module.parent / "__pycache__" / f"{module.stem}.cpython-{major}{minor}.pyc"


def release() -> None:
    """Remove the bytecode whose environment is gone."""
    for file, _ in _unused():
        file.unlink(missing_ok=True)


def inventory() -> Iterator[Removable]:
    """The bytecode that no environment uses: somebody removed the environments by hand."""
    unused = list(_unused())
    if unused:
        yield Removable(
            kind="cache",
            name=f"bytecode of {count(len(unused), 'module')} in {paths.bytecode()}",
            size=sum(facts.st_blocks * 512 for _, facts in unused),
            last_used=max(facts.st_mtime for _, facts in unused),
            remove=release,
        )


def _modules(packages: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(packages):
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def _unused() -> Iterator[tuple[Path, os.stat_result]]:
    """A file of the store that has no other link belongs to no environment. What another process
    removes meanwhile is left out."""
    for store in paths.own_files(paths.CACHE["bytecode"]):
        for entry in os.scandir(store):
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if facts.st_nlink == 1:
                yield Path(entry.path), facts


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
