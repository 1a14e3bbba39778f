"""A script's files with those that other cells saved: a copy for each, all in one folder.

So one agent, with one import of TensorFlow, serves all the cells that load them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from attrs import evolve, frozen

from runner import paths
from runner.cells import snapshot
from runner.cells.snapshot.record import Snapshot
from runner.errors import TfmatrixError


@frozen(kw_only=True)
class _File:
    content: bytes
    executable: bool
    part: bytes
    """Of digests."""


def hand_on(
    taken: Snapshot, saved: Mapping[str, Mapping[str, bytes]], folder: Path
) -> dict[str, Snapshot]:
    """`taken` with each set of files in addition, under the key that `saved` has for it.

    They replace the files and folders of the same names, never the script. They count as named by
    its text, so all cells have them in their keys. Raises `TfmatrixError` if `folder` cannot be
    written.
    """
    if not saved:
        return {}
    home = taken.workspace.home
    own = {name: _file(*snapshot.content_and_mode(home / name)) for name in taken.files}
    copies = {key: _beside(own, files) for key, files in saved.items()}
    digests = {key: _digest(copy) for key, copy in copies.items()}
    every = {
        f"{digests[key]}/{name}": file
        for key, copy in copies.items()
        for name, file in copy.items()
    }
    whole = _digest(every)
    contents = {name: (file.content, file.executable) for name, file in every.items()}
    try:
        snapshot.restore_snapshot(whole, contents, folder)
    except OSError as error:
        raise TfmatrixError(
            f"what was saved cannot be copied to {folder}: {error.strerror or error}",
            remedy=paths.UNWRITABLE_CACHE,
        ) from None
    return {
        key: _with_copy(taken, copy, saved[key], folder / whole, digests[key])
        for key, copy in copies.items()
    }


def _beside(own: Mapping[str, _File], files: Mapping[str, bytes]) -> dict[str, _File]:
    """Both; without what is a file in one and a folder in the other."""
    folders = {parent for name in files for parent in _parents(name)}
    kept = {
        name: file
        for name, file in own.items()
        if name not in folders and not any(parent in files for parent in _parents(name))
    }
    return {**kept, **{name: _file(content, False) for name, content in files.items()}}


def _parents(name: str) -> Iterable[str]:
    return map(str, PurePosixPath(name).parents)


def _file(content: bytes, executable: bool) -> _File:
    part = snapshot.part_of_content(content, executable)
    return _File(content=content, executable=executable, part=part)


def _digest(files: Mapping[str, _File]) -> str:
    return snapshot.digest_of_parts({name: file.part for name, file in files.items()})


def _with_copy(
    taken: Snapshot, copy: Mapping[str, _File], files: Iterable[str], folder: Path, digest: str
) -> Snapshot:
    needed = taken.needed.intersection(copy).union(files)
    return evolve(
        taken,
        workspace=evolve(taken.workspace, folder=folder, place=digest),
        digest=digest,
        own_digest=taken.digest,
        files=tuple(sorted(copy)),
        parts={name: file.part.hex() for name, file in copy.items()},
        needed=needed,
        text_digest=_digest({name: copy[name] for name in needed}),
    )
