"""Finds the test files of a suite as pytest finds them, without running anything.

pytest itself collects the tests of a file, in the cell. The files must be known earlier, because
each file is measured, stored and reused separately.
"""

from __future__ import annotations

import fnmatch
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from runner.errors import UsageError
from runner.machine.files import regular_text
from runner.model import Case, Suite, file_of_test
from runner.paths import home
from runner.scripts import pytest_words
from runner.scripts.pytest_settings import Settings, settings_of

MOST_FILES = 5000
MARKS = ("pyvenv.cfg", "conda-meta", "CACHEDIR.TAG", "cells.jsonl")
"""A folder with one of these is an environment, a cache or a run of this tool: it has no tests."""
PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", ".git")
"""The top folder of a project contains one of these."""
_NO_DOCTEST = ("setup.py", "__main__.py")
"""Modules that pytest does not import to look for examples in docstrings."""


@frozen(kw_only=True)
class Wanted:
    """Which files of a project pytest collects, by its settings and its options."""

    settings: Settings
    ignored: tuple[str, ...] = ()
    ignored_globs: tuple[str, ...] = ()
    modules: bool = False
    """Whether all modules are searched for examples in docstrings."""
    texts: tuple[str, ...] = ("test*.txt",)
    """The names of text files with examples."""


def suite_of_arguments(arguments: Sequence[str], folder: Path) -> Suite:
    """The suite that `pytest ARGUMENTS` runs in `folder`. Raises `UsageError`."""
    paths, options = pytest_words.divide(arguments, folder)
    for path in paths:
        place = os.path.normpath(folder / file_of_test(path))
        if not os.path.exists(place):  # noqa: PTH110 - Path.exists raises for a long name
            raise UsageError(f"pytest {path}: there is no {file_of_test(path)} in {folder}")
        if folder != Path(place) and folder not in Path(place).parents:
            raise UsageError(
                f"pytest {path}: it is outside {folder}, the folder that is copied into cells",
                remedy="run this in the project's own folder",
            )
    for option, value in zip(options, options[1:]):
        if option == "-c" and not os.path.isfile(folder / value):  # noqa: PTH113 - as above
            raise UsageError(f"pytest -c {value}: there is no {value} in {folder}")
    shown = tuple(_relative(path, folder) for path in paths)
    return Suite(folder=folder, paths=shown, options=tuple(options))


def suite_of_text(text: str, folder: Path) -> Suite:
    """The suite for arguments such as `tests/ -k layers`, typed in `folder`.

    Raises `UsageError`.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r:.80} cannot be split into arguments: {error}") from None
    return suite_of_arguments(words, folder.absolute())


def suite_of_file(file: Path) -> Suite:
    """The suite of one file or folder, in its project."""
    real = Path(os.path.realpath(file))
    folder = project_of(real if real.is_dir() else real.parent)
    return Suite(folder=folder, paths=(real.relative_to(folder).as_posix(),))


def has_tests(folder: Path) -> bool:
    """Whether a folder contains a test file, at any depth."""
    if any((folder / mark).exists() for mark in MARKS):
        return False
    settings = settings_of(project_of(Path(os.path.realpath(folder))))
    return any(True for _ in _files(folder, ".", Wanted(settings=settings, texts=())))


def project_of(folder: Path) -> Path:
    """The nearest folder, from here upwards, that is the top of a project; else `folder`."""
    for place in (folder, *folder.parents):
        if place in (home(), Path("/")):
            break
        if any((place / mark).exists() for mark in PROJECT):
            return place
    return folder


def cases(suite: Suite) -> tuple[Case, ...]:
    """A case for each test file. Raises `UsageError` if there are none or too many."""
    files: dict[str, list[str]] = {}
    wanted = _wanted_files(suite)
    for path in suite.paths or wanted.settings.testpaths or (".",):
        for file in _files(suite.folder, path, wanted):
            files.setdefault(file, []).append(path if "::" in path else file)
            if len(files) > MOST_FILES:
                raise UsageError(f"{suite.folder} has more than {MOST_FILES} test files")
    if not files:
        where = " ".join(suite.paths) or str(suite.folder)
        raise UsageError(f"no test file in {where}: expected {_names(wanted)}")
    return tuple(
        Case(name=file, args=(*suite.options, *_parts(file, parts)))
        for file, parts in files.items()
    )


def _wanted_files(suite: Suite) -> Wanted:
    settings = settings_of(suite.folder, suite.options)
    words = (*settings.addopts, *suite.options)
    globs = pytest_words.values(words, "--ignore-glob")
    return Wanted(
        settings=settings,
        ignored=tuple(
            os.path.relpath(suite.folder / each, suite.folder)
            for each in pytest_words.values(words, "--ignore")
        ),
        ignored_globs=tuple(os.path.normpath(suite.folder / glob) for glob in globs),
        modules="--doctest-modules" in words,
        texts=pytest_words.values(words, "--doctest-glob") or ("test*.txt",),
    )


def _names(wanted: Wanted) -> str:
    examples = ", or examples in docstrings" if wanted.modules else ""
    return " or ".join(wanted.settings.python_files) + examples


def _relative(path: str, folder: Path) -> str:
    file, colons, rest = path.partition("::")
    place = Path(os.path.normpath(folder / file)).relative_to(folder)
    return f"{place.as_posix()}{colons}{rest}"


def _parts(file: str, parts: Sequence[str]) -> list[str]:
    """The whole file if the user asked for it, else the tests that the user named."""
    return [file] if file in parts else list(dict.fromkeys(parts))


def _files(root: Path, path: str, wanted: Wanted) -> Iterator[str]:
    place = root / file_of_test(path)
    if place.is_file():
        yield file_of_test(path)
        return
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(
            name
            for name in folders
            if not _is_no_place(folder, name, wanted.settings)
            and not _is_ignored(root, Path(folder) / name, wanted)
        )
        for name in sorted(names):
            file = Path(folder) / name
            if _is_wanted(root, file, wanted) and not _is_ignored(root, file, wanted):
                yield file.relative_to(root).as_posix()


def _is_no_place(folder: str, name: str, settings: Settings) -> bool:
    inner = Path(folder) / name
    return (
        name == "__pycache__"
        or any(fnmatch.fnmatchcase(name, glob) for glob in settings.norecursedirs)
        or any((inner / mark).exists() for mark in MARKS)
    )


def _is_ignored(root: Path, place: Path, wanted: Wanted) -> bool:
    return place.relative_to(root).as_posix() in wanted.ignored or any(
        fnmatch.fnmatch(str(place), glob) for glob in wanted.ignored_globs
    )


def _is_wanted(root: Path, file: Path, wanted: Wanted) -> bool:
    shown = file.relative_to(root).as_posix()
    if any(_matches(glob, file.name, shown) for glob in wanted.settings.python_files):
        return True
    if file.suffix == ".py":
        return wanted.modules and file.name not in _NO_DOCTEST and _has_examples(file)
    return any(_matches(glob, file.name, shown) for glob in wanted.texts) and _has_examples(file)


def _has_examples(file: Path) -> bool:
    try:
        return ">>>" in regular_text(file, errors="replace")
    except OSError:
        return False


def _matches(glob: str, name: str, file: str) -> bool:
    """Whether a glob matches a name; a glob with a slash must match the end of the path."""
    return fnmatch.fnmatchcase(file, f"*/{glob}" if "/" in glob else "*/" + glob) or (
        fnmatch.fnmatchcase(name if "/" not in glob else file, glob)
    )
