"""`--with ./FOLDER` and `--with FILE.whl`: packages of this machine, as wheels in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runner import paths
from runner.cells.snapshot import folder as lying
from runner.cli import log
from runner.errors import PrepareError, UsageError
from runner.machine.derived_cache import cache_slot, cached_result
from runner.machine.files import regular_text
from runner.requirements import toml, wheels
from runner.requirements.asked import NOTHING, Asked, list_of_texts, plain_requirement
from runner.requirements.wheels import LocalWheel

_USUAL_TOOLS = ["setuptools>=40.8.0"]
"""What builds a project that names no tools (PEP 518)."""
_LEFT_OUT = ("build", "dist")
"""Folders that builds make; what lies there would end in the wheel."""


def asked_by(words: Iterable[str]) -> Asked:
    """What those words of `--with` ask for that name a folder or a wheel. Raises `UsageError`."""
    asked = NOTHING
    for word in filter(wheels.is_path, words):
        asked += _asked(word)
    return asked


def _asked(word: str) -> Asked:
    path, extras = wheels.path_and_extras(word)
    if path.is_dir():
        return wheels.asked_by(_of_folder(path), extras)
    if path.name.endswith(".tar.gz"):
        raise UsageError(f"--with {word}: unpack the source distribution, and name its folder")
    return wheels.asked_by(wheels.keep(path), extras)


def _of_folder(folder: Path) -> LocalWheel:
    """The wheel of a project. Built again only if one of the project's files has changed."""
    files = _files(folder)
    tools = [*_tools(folder), "wheel"]  # older setuptools ask for it only when they run
    contents = list(_contents(files))
    digest = hashlib.sha256(b"\0".join(contents)).hexdigest()

    def build() -> LocalWheel:
        from runner.engines.docker import wheel_build  # Docker's SDK is slow to import

        log.print_note(f"{folder}: building its wheel, in Docker without a network")
        try:
            built = wheel_build.build_wheel(files, tools, digest, log.print_note)
        except PrepareError as error:
            ways = filter(None, (error.remedy, _by_hand(folder)))
            raise UsageError(
                f"{folder} must be built: {error.message}", remedy="; or ".join(ways)
            ) from None
        return wheels.keep_content(built.file_name, built.content)

    return cached_result(
        cache_slot("wheel", str(folder.resolve())), contents, build, write=_written, read=_read
    )


def _by_hand(folder: Path) -> str:
    """Building runs the project's code, so it is never done on this machine unasked."""
    return (
        f"build it yourself, which runs its code as you: `pip wheel --no-deps --wheel-dir dist"
        f" {folder}`, and name the wheel: --with dist/NAME.whl"
    )


def _files(folder: Path) -> dict[str, Path]:
    """The project's files by name. Raises `UsageError` for a folder that is not a project."""
    root = folder.resolve()
    if not any((root / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise UsageError(f"--with {folder}: it has neither a pyproject.toml nor a setup.py")
    ours = tuple(map(Path.resolve, (paths.results(), paths.cache())))
    found = lying.files_to_copy(root, ours)
    if found is None:
        raise UsageError(
            f"--with {folder}: it is larger than {lying.MOST_BYTES >> 20} MiB or"
            f" {lying.MOST_FILES} files",
            remedy=_by_hand(folder),
        )
    return {name: file for name, file in sorted(found.items()) if not _is_made(name)}


def _is_made(name: str) -> bool:
    first = name.partition("/")[0]
    return first in _LEFT_OUT or ".egg-info/" in name


def _contents(files: Mapping[str, Path]) -> Iterator[bytes]:
    for name, file in files.items():
        yield name.encode("utf-8", "surrogateescape")
        yield file.read_bytes()


def _tools(folder: Path) -> list[str]:
    """The requirements of the build, which pip gets in a file: an option or an address among them
    could have it build a package where there is a network. Raises `UsageError`."""
    file = folder / "pyproject.toml"
    if not file.is_file():
        return _USUAL_TOOLS
    try:
        data = toml.parse_toml(regular_text(file), str(file))
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{file} cannot be read as text in UTF-8") from None
    system = data.get("build-system", {})
    if not isinstance(system, dict) or "requires" not in system:
        return _USUAL_TOOLS
    texts = list_of_texts(system["requires"], "build-system.requires", str(file))
    return [str(plain_requirement(text, str(file))) for text in texts]


def _written(wheel: LocalWheel) -> list[str]:
    return [wheel.requirement]


def _read(kept: Any) -> LocalWheel:
    """Raises `LookupError` if the cache has lost the wheel; it is then built again."""
    (wheel,) = wheels.among(kept)
    if not wheel.path.is_file():
        raise LookupError
    return wheel
