"""Compares what a cell read with its snapshot: what belongs to its key, and what it missed.

The key of a cell covers the script and what its text names. What the cell opened or listed besides
is stored with its execution, which stays valid as long as that is unchanged.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve

from runner.cells.snapshot.folder import has_files, names_in
from runner.cells.snapshot.record import Snapshot
from runner.model import Execution, Reads

_SHOWN = 3
"""At most this many names in one sentence."""


def with_reads(execution: Execution, snapshot: Snapshot) -> Execution:
    """`execution`, measured with `snapshot`, with the digest of what it read.

    It becomes unmeasured if its result depends on a file beside the script that was left out.
    """
    if execution.trouble is not None:
        return execution
    reads = _completed(execution.reads or Reads(), snapshot)
    wanted = missed_files(reads, snapshot)
    said = "\n".join(each.errors for each in (execution, *execution.rows.values()))
    named = execution.exit_code == 0 or any(name in said for name in wanted)
    if wanted and named:
        return evolve(execution, reads=reads, trouble=_needs(_list(tuple(wanted))))
    if snapshot.partial and snapshot.looks and execution.exit_code is not None:
        return evolve(execution, reads=reads, trouble=_needs("files that it looks for"))
    reads = evolve(reads, digest=reads_digest(reads, snapshot))
    note = f"it read {_list(reads.outside)}, outside of its folder: measured anew each time"
    notes = (*execution.notes, note) if reads.outside else execution.notes
    return evolve(execution, reads=reads, notes=notes)


def execution_digest(execution: Execution, snapshot: Snapshot) -> str:
    """The digest that `execution` would have if it were measured with `snapshot`."""
    return reads_digest(execution.reads or Reads(), snapshot)


def is_reusable(execution: Execution) -> bool:
    """Whether equal keys mean that everything it read is equal."""
    return execution.reads is None or not execution.reads.outside


def reads_digest(reads: Reads, snapshot: Snapshot) -> str:
    """The digest of what `reads` names, in its state in `snapshot`; "" if the script's text names
    it all.

    If it is not known what was read, the digest covers everything.
    """
    if reads.opened is None:
        return snapshot.digest
    lines = sorted(_state(reads, snapshot))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def missed_files(reads: Reads, snapshot: Snapshot) -> list[str]:
    """Files beside the script that the cell looked for, or expected in a listing, but did not
    have. What came after the snapshot was taken was not left out of it."""
    files = set(snapshot.files)
    wanted = {name for name in reads.missing if os.path.lexists(snapshot.source / name)}
    wanted -= files
    for folder in reads.listed or ():
        wanted.update(_not_listed(posixpath.normpath(folder), snapshot))
    return sorted(name for name in wanted if not _came_later(snapshot.source / name, snapshot))


def _came_later(path: Path, snapshot: Snapshot) -> bool:
    """Whether it was made or changed since then; of a folder, everything in it."""
    try:
        if path.is_dir() and not path.is_symlink():
            return all(_came_later(path / name, snapshot) for name in names_in(path))
        return path.lstat().st_ctime > snapshot.taken
    except OSError:
        return True


def _not_listed(folder: str, snapshot: Snapshot) -> Iterator[str]:
    there = set(_entries(folder, snapshot))
    for name in names_in(snapshot.source / folder):
        inner = posixpath.normpath(posixpath.join(folder, name))
        if name not in there and has_files(snapshot.source, inner, snapshot.ours):
            yield inner


def _entries(folder: str, snapshot: Snapshot) -> Iterator[str]:
    """The entries of the snapshot in `folder`."""
    start = "" if folder == "." else f"{folder}/"
    for name in snapshot.files:
        if name.startswith(start):
            yield name[len(start) :].partition("/")[0]


def _state(reads: Reads, snapshot: Snapshot) -> Iterator[str]:
    for name in reads.opened or ():
        if name in snapshot.parts and name not in snapshot.needed:
            yield f"opened {name!r} {snapshot.parts[name]}"
    for folder in map(posixpath.normpath, reads.listed or ()):
        yield f"listed {folder!r} {sorted(set(_entries(folder, snapshot)))!r}"
    if snapshot.looks:
        yield f"looked among {sorted(snapshot.files)!r}"
    for name in reads.missing:
        if name in snapshot.parts or any(_entries(name, snapshot)):
            yield f"found {name!r}"


def _completed(reads: Reads, snapshot: Snapshot) -> Reads:
    """`reads`, completed from the script's text if this Python could not observe what it read."""
    if reads.listed is not None:
        return reads
    folders = {posixpath.dirname(name) or "." for name in snapshot.files}
    listed = tuple(sorted(folders)) if snapshot.lists else ()
    return evolve(reads, listed=listed, outside=snapshot.outside)


def _needs(what: str) -> str:
    return (
        f"needs {what}, beside the script but left out of its copy:"
        " name it under `files:` in matrix.yaml"
    )


def _list(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
