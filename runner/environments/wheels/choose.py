"""Which wheel of a locked package an installer will take. Pure."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Optional

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

_HASH = re.compile(r" --hash=sha256:([0-9a-f]{64})")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl")
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_USUAL_GLIBC = 31
"""Of the 2.x in images that this machine does not tell about."""


@frozen(kw_only=True)
class Pinned:
    """One requirement of a lock."""

    name: str
    """As the index spells it."""
    version: str
    hashes: frozenset[str]
    """SHA-256 of all files that may be it."""
    line: str


@frozen(kw_only=True)
class File:
    """A wheel on the index."""

    name: str
    sha256: str
    url: str
    """May hold a password."""
    size: Optional[int] = None
    """Bytes, where the index tells."""


def pinned(lines: Iterable[str]) -> Iterator[Pinned]:
    """The requirements that name one version and its hashes; others are not for this to fetch."""
    for line in lines:
        try:
            requirement = Requirement(line.partition(" --hash=")[0])
        except InvalidRequirement:
            continue
        exact = [each.version for each in requirement.specifier if each.operator == "=="]
        hashes = frozenset(_HASH.findall(line))
        if len(exact) == 1 and hashes:
            name = canonicalize_name(requirement.name)
            yield Pinned(name=name, version=exact[0], hashes=hashes, line=line)


def best(files: Iterable[File], python: str, glibc: int) -> Optional[File]:
    """The wheel that installers prefer for CPython `python` ("3.7") on x86-64 Linux with glibc
    2.`glibc`; None where none fits, as where there is a source distribution only."""
    ranks = _ranks(python, glibc)
    found = [(rank, file) for file in files if (rank := _rank(file.name, ranks)) is not None]
    return min(found, key=lambda each: each[0])[1] if found else None


def glibc_here() -> int:
    """The y of this machine's glibc 2.y; that of usual images where it has none."""
    library, version = platform.libc_ver()
    minor = version.partition(".")[2]
    return int(minor) if library == "glibc" and minor.isdigit() else _USUAL_GLIBC


def _rank(name: str, ranks: dict[Tag, int]) -> Optional[tuple[int, tuple[int, str]]]:
    """Less is better: the tag first, then the later build."""
    if not _PLAIN_NAME.fullmatch(name):
        return None
    try:
        _, _, build, tags = parse_wheel_filename(name)
    except InvalidWheelFilename:
        return None
    fitting = [ranks[tag] for tag in tags if tag in ranks]
    number, rest = build or (-1, "")
    return (min(fitting), (-number, rest)) if fitting else None


@lru_cache(maxsize=16)
def _ranks(python: str, glibc: int) -> dict[Tag, int]:
    major, minor = map(int, python.split("."))
    interpreter = f"cp{major}{minor}"
    abi = f"{interpreter}m" if (major, minor) < (3, 8) else interpreter
    platforms = list(_platforms(glibc))
    tags = [
        *cpython_tags((major, minor), [abi], platforms),
        *compatible_tags((major, minor), interpreter, platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def _platforms(glibc: int) -> Iterator[str]:
    """Those of PEP 600 and their older names, the newest first."""
    for minor in range(glibc, 4, -1):
        yield f"manylinux_2_{minor}_x86_64"
        if minor in _OLD_NAMES:
            yield f"{_OLD_NAMES[minor]}_x86_64"
    yield "linux_x86_64"
