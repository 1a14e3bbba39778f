"""Writes scripts that were made from something else to the cache, named by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from runner import paths
from runner.errors import TfmatrixError
from runner.machine import files


def write_script(name: str, text: str) -> Path:
    """The path of a file with this text in the cache. Raises `TfmatrixError` if writing fails."""
    content = text.encode("utf-8", "replace")
    folder = paths.scripts() / hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:16]
    path = folder / name
    try:
        if not path.is_file() or path.read_bytes() != content:
            files.write_atomic(path, content)
    except OSError as error:
        raise TfmatrixError(
            f"{name} cannot be written to {folder}: {error.strerror or error}",
            remedy=paths.UNWRITABLE_CACHE,
        ) from None
    return path
