"""A script and the files it needs → a folder that never changes, named by its content.

AutoGraph reads a script from disk while it runs, and people save files during a run, so every cell
runs a copy. The copy has the whole folder of the script, except files that `folder` leaves out.

If that is too much, or if matrix.yaml has `files:` for the script, the copy has
- the script;
- the local modules that it imports, and what these import, as Python would find them: `foo.py`, or
  the whole folder of a package `foo/`;
- the declared files, or those that it or such a module names in a literal, as in
  `open(HERE / "data" / "a.csv")`.

A cell's working directory is a copy of the snapshot, so that cells do not affect each other.
`reading` finds what a cell really read, and what it missed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from runner import paths
from runner.cells.snapshot import folder as lying
from runner.cells.snapshot import needs
from runner.cells.snapshot.data import digest_of_data
from runner.cells.snapshot.record import Snapshot
from runner.engines.base import Workspace
from runner.errors import TfmatrixError, UsageError
from runner.model import Repro

_BLOCK = 1024 * 1024
_EXECUTABLE = 0o100


def snapshot_digest(repro: Repro) -> str:
    """The `text_digest` of a snapshot, without copying any file. Raises `UsageError`."""
    return _digest(needs.needs_of(repro).files)


def files_of(repro: Repro, folder: Path) -> dict[str, Path]:
    """The files that a snapshot in `folder` would have now; copies none. Raises `UsageError`."""
    files, _ = _chosen(repro, needs.needs_of(repro), _our_folders(folder))
    return files


def take_snapshot(repro: Repro, folder: Path) -> Snapshot:
    """The snapshot of `repro` as it is now, in `folder`; created if it does not exist.

    Safe for any number of processes at once. Raises `UsageError` for what the script lacks, and
    `TfmatrixError` if `folder` cannot be written.
    """
    taken = time.time()
    named = needs.needs_of(repro)
    ours = _our_folders(folder)
    files, partial = _chosen(repro, named, ours)
    digest = _digest(files)
    try:
        if _intact(folder / digest, digest):
            os.utime(folder / digest)  # `clean` uses the time of the last use
        else:
            digest = _made(files, folder)
    except OSError as error:
        raise TfmatrixError(
            f"no snapshot of {repro.name} can be made in {folder}: {error.strerror or error}",
            remedy=paths.UNWRITABLE_CACHE,
        ) from None
    script = Path(os.path.realpath(repro.script))
    data = repro.data.resolve() if repro.data else None
    parts = {name: _part(path).hex() for name, path in _listing(folder / digest).items()}
    return Snapshot(
        workspace=Workspace(
            folder=folder / digest, script=script.name, data=data, network=repro.network
        ),
        data_digest=digest_of_data(data) if data else "",
        digest=digest,
        files=tuple(files),
        parts=parts,
        needed=frozenset(named.files),
        text_digest=_digest({name: folder / digest / name for name in named.files}),
        lists=named.lists,
        looks=named.looks,
        outside=named.outside,
        source=needs.script_folder(repro),
        taken=taken,
        ours=ours,
        partial=partial,
    )


def _our_folders(folder: Path) -> tuple[Path, ...]:
    """The folders of this tool, which no snapshot has."""
    return tuple(Path(os.path.realpath(one)) for one in (paths.results(), paths.cache(), folder))


def _chosen(
    repro: Repro, named: needs.Needs, ours: Collection[Path]
) -> tuple[dict[str, Path], str]:
    """The files to copy, and the reason if they are not the whole folder."""
    if repro.files:
        return named.files, ""
    found = lying.files_to_copy(needs.script_folder(repro), ours)
    if found is None:
        if repro.suite:
            raise UsageError(
                f"{repro.name}: {needs.script_folder(repro)} holds more than"
                f" {lying.MOST_BYTES // 2**20} MiB or {lying.MOST_FILES} files,"
                " and each cell gets a copy",
                remedy="name what the tests need under `files:` in matrix.yaml",
            )
        why = f"more than {lying.MOST_BYTES // 2**20} MiB or {lying.MOST_FILES} files"
        return named.files, why
    return dict(sorted({**found, **named.files}.items())), ""


def content_and_mode(path: Path) -> tuple[bytes, bool]:
    """A file of a snapshot as `restore_snapshot` takes it: its bytes and executable bit."""
    return path.read_bytes(), bool(path.stat().st_mode & _EXECUTABLE)


def restore_snapshot(digest: str, contents: Mapping[str, tuple[bytes, bool]], folder: Path) -> None:
    """Writes a snapshot from another machine to `folder`: for each file its bytes and executable
    bit.

    Raises `ValueError` if the files do not match `digest`.
    """
    if _intact(folder / digest, digest):
        os.utime(folder / digest)  # `clean` uses the time of the last use
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}"
    try:
        for name, (content, executable) in contents.items():
            target = temporary / name
            if temporary.resolve() not in target.resolve().parents:
                raise ValueError(f"{name!r} would lie outside of the snapshot")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(0o555 if executable else 0o444)
        _protect(temporary)
        if _digest(_listing(temporary)) != digest:
            raise ValueError("a snapshot arrived damaged")
        _publish(temporary, folder / digest, digest)
    finally:
        _discard(temporary)


def _digest(files: Mapping[str, Path]) -> str:
    try:
        return digest_of_parts({name: _part(path) for name, path in files.items()})
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None


def digest_of_parts(parts: Mapping[str, bytes]) -> str:
    """The hex digest of files: by name, the part of each."""
    whole = hashlib.sha256()
    for name, part in sorted(parts.items()):
        encoded = os.fsencode(name)
        whole.update(b"%d:%b%b" % (len(encoded), encoded, part))
    return whole.hexdigest()


def _part(path: Path) -> bytes:
    """The part of the digest for one file: its executable bit and its content."""
    status = path.stat()
    same = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _part_of(path, same)


@functools.lru_cache(maxsize=8 * lying.MOST_FILES)
def _part_of(path: Path, _same: tuple[int, ...]) -> bytes:
    """The same, cached: scripts in one folder share their files."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        while block := file.read(_BLOCK):
            content.update(block)
    return _marked(content.digest(), mode)


def part_of_content(content: bytes, executable: bool) -> bytes:
    """The part of a file with this content."""
    return _marked(hashlib.sha256(content).digest(), _EXECUTABLE * executable)


def _marked(content: bytes, mode: int) -> bytes:
    """`content` is the digest of a file's content."""
    return (b"x" if mode & _EXECUTABLE else b"-") + content


def _intact(folder: Path, digest: str) -> bool:
    """Whether the snapshot is unchanged. A script of the local engine may have changed it."""
    files = _listing(folder)
    plain = all(stat.S_ISREG(path.lstat().st_mode) for path in files.values())
    return plain and _digest(files) == digest


def _listing(folder: Path) -> dict[str, Path]:
    paths = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _made(files: Mapping[str, Path], folder: Path) -> str:
    """Copies the files and names the copy by its content: a file
    may have changed since it was read."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}"
    try:
        temporary.mkdir()
        for name, path in files.items():
            _copy(path, temporary / name)
        _protect(temporary)
        digest = _digest(_listing(temporary))
        _publish(temporary, folder / digest, digest)
    finally:
        _discard(temporary)
    return digest


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o555 if source.stat().st_mode & _EXECUTABLE else 0o444)


def _protect(folder: Path) -> None:
    """Makes it readable for the container's user and writable for
    nobody, so that Python adds no bytecode."""
    for place, _, _ in os.walk(folder):
        os.chmod(place, 0o555)


def _publish(temporary: Path, target: Path, digest: str) -> None:
    """Renames the folder, all or nothing. If another process was first, its copy is equally
    good."""
    for _ in range(3):
        try:
            temporary.rename(target)
            return
        except OSError:
            if _intact(target, digest):
                return
            damaged = target.with_name(f".{secrets.token_hex(8)}")
            with contextlib.suppress(FileNotFoundError):
                target.rename(damaged)
            _discard(damaged)
    temporary.rename(target)


def _discard(folder: Path) -> None:
    if folder.is_dir():
        for place, _, _ in os.walk(folder):
            os.chmod(place, 0o700)
        shutil.rmtree(folder, ignore_errors=True)
