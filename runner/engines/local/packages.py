"""The packages of all local environments, each once: a cache of uv that only tfmatrix uses.

uv unpacks a wheel into `archive-v…/NAME` and links its files into every environment that wants it.
So the number of links of a file says how many environments use it, and a package that the last of
them has left can go. Nothing of the user's own uv cache is read, linked or removed.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Optional

from runner import paths
from runner.machine.items import Removable
from runner.machine.units import count

_UNPACKED = r"[\w-]{16,}"
"""The name that uv gives to an unpacked wheel."""
_REMOVED = "removed-"
_BEING_INSTALLED = 3600.0
"""Seconds for which unpacked files that nothing links to are taken to be another run's."""


def disk_size(environment: Path) -> int:
    """Bytes of an environment's files, those included that others share."""
    return sum(_bytes(facts) for facts in _facts(environment))


def shared_size(environment: Path) -> int:
    """Bytes of an environment's files, what several share divided among them.

    So the shares of all environments add up to what they take together.
    """
    return sum(_bytes(facts) // _users(facts) for facts in _facts(environment))


def own_inodes(environment: Path) -> frozenset[int]:
    """The inodes of an environment's files that no other environment has."""
    return frozenset(f.st_ino for f in _facts(environment) if _is_file(f) and f.st_nlink == 2)


def release(inodes: Collection[int]) -> None:
    """Remove the packages that these files belong to, if no environment uses them any more.

    An install that wants one of them at this moment fails and is tried again, with a download.
    """
    for package in _packages():
        if _is_unused(package) and any(facts.st_ino in inodes for facts in _facts(package)):
            with suppress(OSError):
                _remove_package(package)


def inventory() -> Iterator[Removable]:
    """The packages that no environment uses: killed installs left them."""
    folder = paths.packages()
    unused = {each: since for each in _packages() if (since := _left_since(each)) is not None}
    if unused:
        yield Removable(
            kind="cache",
            name=f"{count(len(unused), 'package')} in {folder} that no environment uses",
            size=sum(disk_size(each) for each in unused),
            last_used=max(unused.values()),
            remove=partial(_remove, [*unused]),
        )


def _remove(packages: Iterable[Path]) -> None:
    for package in packages:
        if _left_since(package) is not None:
            _remove_package(package)


def _remove_package(package: Path) -> None:
    """Remove it under another name: if this is killed half-way, uv installs no half of it."""
    gone = package.with_name(_REMOVED + package.name.removeprefix(_REMOVED))
    package.rename(gone)
    shutil.rmtree(gone)


def _packages() -> Iterator[Path]:
    for archive in paths.own_files(paths.CACHE["packages"]):
        yield from (each for each in paths.entries(archive, _UNPACKED) if each.is_dir())


def _left_since(package: Path) -> Optional[float]:
    """When it was unpacked, if no environment uses it; None if one does, or if it has gone."""
    try:
        since = package.lstat().st_mtime
    except FileNotFoundError:
        return None
    old = time.time() - since > _BEING_INSTALLED
    return since if old and _is_unused(package) else None


def _is_unused(package: Path) -> bool:
    return not any(_is_file(facts) and facts.st_nlink > 1 for facts in _facts(package))


def _facts(folder: Path) -> Iterator[os.stat_result]:
    """Of all files and folders in `folder`, links not followed. What vanishes meanwhile is left."""
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            try:
                yield Path(place, name).lstat()
            except FileNotFoundError:
                continue


def _is_file(facts: os.stat_result) -> bool:
    return stat.S_ISREG(facts.st_mode)


def _users(facts: os.stat_result) -> int:
    """How many environments use a file: all its links but the one in the cache."""
    return max(facts.st_nlink - 1, 1) if _is_file(facts) else 1


def _bytes(facts: os.stat_result) -> int:
    return facts.st_blocks * 512
