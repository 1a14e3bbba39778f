"""Reads what cells left in `out/` from a run's folder."""

from __future__ import annotations

import hashlib
from typing import Optional

from runner.cells import left_files
from runner.model import KeptFile, Result
from runner.runs.logs import RunFiles


def content_of(
    shard: RunFiles, file: KeptFile, most: int = left_files.MOST_BYTES
) -> Optional[bytes]:
    """What a cell left; None if it is no longer there as it was, or has more than `most` bytes."""
    content = shard.read(file.path, most)
    if content is None or hashlib.sha256(content).hexdigest() != file.sha256:
        return None
    return content


def contents(shard: RunFiles, result: Result) -> dict[str, bytes]:
    """Path below the cell's `out/` → content, of those that are still there."""
    found = {
        file.name: content_of(shard, file)
        for file in result.files[: left_files.MOST_FILES]
        if left_files.is_inside(file.name)
    }
    return {name: content for name, content in found.items() if content is not None}
