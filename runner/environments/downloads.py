"""Downloads source distributions from the index, and checks their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runner import paths
from runner.environments.sources import SourceDistribution
from runner.errors import PrepareError, TfmatrixError
from runner.releases.upstream import index

_TIMEOUT = (10.0, 60.0)
_LARGEST = 16 << 20
"""In bytes; jax, the largest of them, has 1.3 MB."""


def fetch(wanted: Sequence[SourceDistribution], folder: Path) -> None:
    """Download `wanted` into `folder`, which is created. Raises `PrepareError`."""
    folder.mkdir(parents=True, exist_ok=True)
    source = index.configured_index(paths.index(), say=lambda _: None)
    for each in wanted:
        try:
            data = source.bounds.within_the_deadline(partial(_content, source, each))
        except (TfmatrixError, OSError) as error:
            raise PrepareError(f"{each.file_name} could not be downloaded: {error}") from None
        if hashlib.sha256(data).hexdigest() != each.sha256:
            raise PrepareError(
                f"{each.file_name} on {source.shown} is not the file that is known by its hash",
                remedy="name an index that has PyPI's file in UV_DEFAULT_INDEX or PIP_INDEX_URL",
            )
        (folder / each.file_name).write_bytes(data)


def _content(source: index.Index, wanted: SourceDistribution) -> bytes:
    """The content of this source distribution. Raises if it is larger than it may be."""
    for file in source.files(wanted.name):
        is_it = file.package_type == "sdist" and file.version == wanted.version
        if is_it and file.filename.endswith(".tar.gz"):
            with source.session.get(file.url, stream=True, timeout=_TIMEOUT) as answer:
                answer.raise_for_status()
                return bytes(answer.raw.read(_LARGEST, decode_content=True))
    raise PrepareError(f"{source.shown} does not have it")
