"""Finds which files a repro needs: from its script's text, or declared in matrix.yaml."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from attrs import define, field, frozen

from runner.cells.snapshot.folder import files_to_copy, names_in
from runner.cells.snapshot.sources import Import, find_mentions
from runner.errors import UsageError
from runner.machine.files import open_regular
from runner.model import Repro

MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 10_000
"""The most files that are found without a declaration."""

_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/bin/", "/sbin/", "/run/")
_DECLARE = "list what the script needs under `files:` in matrix.yaml"


@frozen(kw_only=True)
class Needs:
    """The files that a script's text names."""

    files: dict[str, Path]
    """Name below the script's folder → file, sorted by name; the script is one of them."""
    lists: bool
    """Whether the text may list folders."""
    looks: bool
    """Whether the text asks if a file is there whose name it makes while it runs."""
    outside: tuple[str, ...]
    """Existing files that are neither in the script's folder nor in a system folder."""


def needs_of(repro: Repro) -> Needs:
    """The files that `repro` needs according to its script's text, or its declaration.

    The script's folder is the one that Python puts first in `sys.path`: that of the real file if
    `repro.script` is a link, or of the original if this tool made the script. Raises `UsageError`
    if something is missing, leads out of that folder, or is too much.
    """
    script = Path(os.path.realpath(repro.script))
    search = _Search(root=script_folder(repro), repro=repro.name)
    if not (search.add_made(script) if repro.folder else search.add_file(script.name)):
        raise UsageError(f"{repro.name}: there is no script {repro.script}")
    for declared in repro.files:
        search.add_declared(declared.as_posix())
    for name in _settings(search.root) if repro.suite else ():
        search.add_file(name)
    search.literals = not repro.files and repro.suite is None
    search.follow(imports=repro.suite is None)
    return Needs(
        files=dict(sorted(search.files.items())),
        lists=search.lists,
        looks=search.looks,
        outside=tuple(sorted(search.outside)),
    )


_SETTINGS = (
    *("conftest.py", "__init__.py", "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("tox.ini", "setup.cfg", "pyproject.toml"),
)
"""Files that pytest looks for in each folder, so that a new one changes the result."""


def _settings(root: Path) -> Iterator[str]:
    for name in files_to_copy(root, ()) or ():
        if posixpath.basename(name) in _SETTINGS:
            yield name


def script_folder(repro: Repro) -> Path:
    """The folder of `repro`'s script, after following links."""
    return Path(os.path.realpath(repro.folder or Path(os.path.realpath(repro.script)).parent))


@define
class _Search:
    root: Path
    repro: str
    literals: bool = False
    lists: bool = False
    looks: bool = False
    outside: set[str] = field(factory=set)
    files: dict[str, Path] = field(factory=dict)
    _unread: list[str] = field(factory=list)
    _folders: set[Path] = field(factory=set)
    _found_bytes: int = 0
    _declaring: bool = False

    def follow(self, *, imports: bool = True) -> None:
        """Reads each module once, and then what it needs."""
        while self._unread and imports:
            name = self._unread.pop()
            mentions = find_mentions(self._content(name))
            self.lists |= mentions.lists
            self.looks |= mentions.looks
            self.outside.update(filter(self._is_outside, mentions.absolute))
            for each in sorted(mentions.imports, key=repr):
                self._add_import(each, name)
            for text in sorted(mentions.texts) if self.literals else ():
                self._add_literal(text)

    def add_declared(self, name: str) -> None:
        self._declaring = True
        path = self.root / name
        if path.is_dir():
            self._add_folder(name)
        elif path.exists():
            self.add_file(name)
        else:
            raise UsageError(f"{self.repro}: there is no {name} in {self.root}")
        self._declaring = False

    def add_made(self, script: Path) -> bool:
        """Adds a script from another place as if it were here; False if it is gone."""
        self.files[script.name] = script
        self._unread.append(script.name)
        return script.is_file()

    def add_file(self, name: str) -> bool:
        """Adds one file; False if it cannot be copied (a folder, a pipe, a device)."""
        name = posixpath.normpath(name)
        if name in self.files:
            return True
        real = self._inside(name)
        status = _status(real)
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        self.files[name] = real
        if not self._declaring:
            self._count(status.st_size, name)
        if name.endswith(".py") or len(self.files) == 1:
            self._unread.append(name)
        return True

    def _count(self, size: int, name: str) -> None:
        self._found_bytes += size
        if self._found_bytes > MOST_BYTES or len(self.files) > MOST_FILES:
            raise UsageError(
                f"{self.repro}: the files that the script seems to need are more than "
                f"{MOST_BYTES // 2**20} MiB or {MOST_FILES} files, with {name} the last of them",
                remedy=_DECLARE,
            )

    def _inside(self, name: str) -> Path:
        real = Path(os.path.realpath(self.root / name))
        if self.root not in real.parents:
            raise UsageError(
                f"{self.repro}: {name} is a link out of the script's folder, to {real}",
                remedy="put a copy in its place",
            )
        return real

    def _content(self, name: str) -> bytes:
        try:
            with open_regular(self.files[name]) as file:
                return file.read()
        except OSError as error:
            raise UsageError(f"{self.repro}: {name}: {error.strerror or error}") from None

    def _add_literal(self, text: str) -> None:
        name = posixpath.normpath(text)
        if name.startswith("../") or posixpath.isabs(name):
            return
        if os.path.isfile(self.root / name):  # noqa: PTH113 - Path.is_file raises for long names
            self.add_file(name)

    def _is_outside(self, path: str) -> bool:
        inside = path.startswith((*_SYSTEM, f"{self.root}/"))
        return not inside and os.path.isfile(path)  # noqa: PTH113 - as below

    def _add_import(self, each: Import, importer: str) -> None:
        base = posixpath.dirname(importer) if each.level else ""
        for _ in range(each.level - 1):
            base = posixpath.dirname(base)
        place: Optional[str] = base
        for part in filter(None, each.module.split(".")):
            place = self._add_module(posixpath.join(place or "", part))
            if place is None:
                return
        for name in each.names:
            self._add_module(posixpath.join(place or "", name))

    def _add_module(self, place: str) -> Optional[str]:
        """Adds the module at `place` that Python would choose. Returns the folder of its
        submodules.

        Only a folder without __init__.py has submodules that are not yet added; else None.
        """
        path = self.root / place
        if (path / "__init__.py").is_file():
            self._add_folder(place)
            return None
        extensions = [f"{posixpath.dirname(place)}/{each}" for each in _extensions(path)]
        for name in (*extensions, f"{place}.py"):
            if (self.root / name.lstrip("/")).is_file():
                self.add_file(name.lstrip("/"))
                return None
        return place if path.is_dir() else None

    def _add_folder(self, place: str) -> None:
        real = self._inside(place)
        if real in self._folders:
            return
        self._folders.add(real)
        for name in names_in(real):
            inner = posixpath.join(place, name)
            if (self.root / inner).is_dir():
                self._add_folder(inner)
            elif (self.root / inner).exists():
                self.add_file(inner)


def _status(path: Path) -> Optional[os.stat_result]:
    try:
        return path.stat()
    except OSError:
        return None


def _extensions(path: Path) -> Iterator[str]:
    """The names of compiled modules: `foo.so`, `foo.cpython-310-x86_64-linux-gnu.so`."""
    for name in names_in(path.parent):
        if name.startswith(f"{path.name}.") and name.endswith(".so"):
            yield name
