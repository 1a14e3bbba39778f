"""Whether the packages of a virtual environment are still as they were installed.

A script of the local engine runs as the user. It can write to TensorFlow's files, and to files of
uv's cache that many environments link to. A failure that comes from this says nothing about a
release. So the files are checked before a failure that is new in an environment is believed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path


def fingerprint(packages: Path) -> dict[str, str]:
    """The content of a `site-packages` folder: top-level name → digest over its files.

    The digest is over names, sizes and times: 0.1 to 0.3 s for TensorFlow's 10,000 to 25,000 files.
    Bytecode does not count, since Python itself writes it. Raises `OSError`.
    """
    digests = {}
    with os.scandir(packages) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name != "__pycache__":
                text = "\n".join(_facts(entry, entry.name))
                digests[entry.name] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return digests


def changed_packages(packages: Path, recorded: Mapping[str, str]) -> list[str]:
    """Top-level names that are not as `recorded`, or all where nothing can be read."""
    try:
        now = fingerprint(packages)
    except OSError:
        return sorted(recorded)
    return sorted(name for name in {*recorded, *now} if recorded.get(name) != now.get(name))


def _facts(entry: os.DirEntry[str], path: str) -> Iterator[str]:
    if not entry.is_dir(follow_symlinks=False):
        info = entry.stat(follow_symlinks=False)
        yield f"{path} {info.st_size} {info.st_mtime_ns}"
        return
    yield path
    with os.scandir(entry.path) as entries:
        for inner in sorted(entries, key=lambda inner: inner.name):
            if inner.name != "__pycache__":
                yield from _facts(inner, f"{path}/{inner.name}")
