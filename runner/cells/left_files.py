"""Files that a cell left, as the agent packed them → the same, checked; and their contents. Pure.

They come from beside code that nobody vouches for. So a name that leads out of a folder, more than
the limits, or a content that differs from its digest is an error.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from runner.model import OUT

NOT_KEPT = f"not kept of {OUT}/: "
"""A result's note on files that were left and are not kept begins so."""
MOST_FILES = 1000
MOST_BYTES = 64 << 20
_LONGEST_NAME = 500
_LONGEST_PART = 255
"""In bytes: what file systems allow between two slashes."""
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Signs that would change how a name is shown. One that this Python does not know yet is taken: the
agent's Python, which leaves out what it cannot print, may be newer."""


def checked_files(found: Any) -> dict[str, str]:
    """Path → packed content, of the agent's `files`. Raises ValueError with what is wrong."""
    if not isinstance(found, dict) or len(found) > MOST_FILES:
        raise ValueError(f"expected an object of at most {MOST_FILES} files")
    room, packed = MOST_BYTES, {}
    for name, facts in found.items():
        if not is_inside(name) or any(above in found for above in _folders_of(name)):
            raise ValueError(f"{name!r:.80} leads elsewhere")
        if not isinstance(facts, list) or [type(fact) for fact in facts] != [str, str]:
            raise ValueError(f"{name}: expected its digest and its content")
        digest, text = facts
        content = _unpacked(name, text, room)
        room -= len(content)
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{name} arrived damaged")
        packed[name] = text
    return packed


def contents(packed: Mapping[str, str]) -> dict[str, bytes]:
    """Path → content. Raises ValueError for what `checked_files` has not checked."""
    return {name: _unpacked(name, text, MOST_BYTES) for name, text in packed.items()}


def _unpacked(name: str, text: str, room: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(base64.b85decode(text), room + 1)
    except (zlib.error, ValueError) as error:
        raise ValueError(f"{name} arrived damaged: {error}") from None
    if len(content) > room:
        raise ValueError(f"{name} goes over {MOST_BYTES >> 20} MiB")
    return content


def is_inside(name: str) -> bool:
    """Whether a file of that name lies below any folder that it is put into."""
    return (
        0 < len(name) <= _LONGEST_NAME
        and not any(unicodedata.category(sign) in _UNSEEN for sign in name)
        and name == posixpath.normpath(name)
        and name.split("/")[0] not in ("", ".", "..")
        and all(len(part.encode()) <= _LONGEST_PART for part in name.split("/"))
    )


def is_incomplete(notes: Iterable[str]) -> bool:
    """Whether a result with these notes lacks files that its cell left."""
    return any(note.startswith(NOT_KEPT) for note in notes)


def _folders_of(name: str) -> Iterable[str]:
    """`a/b/c` → `a`, `a/b`."""
    parts = name.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))
