"""Finds the test files of a suite as pytest finds them, without running anything.

pytest itself collects the tests of a file, in the cell. The files must be known earlier, because
each file is measured, stored and reused separately.
"""

from __future__ import annotations

import configparser
import fnmatch
import importlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from attrs import frozen

from runner.errors import UsageError
from runner.machine.files import regular_text
from runner.model import Case, Suite, file_of_test
from runner.paths import home
from runner.scripts import pytest_words

MOST_FILES = 5000
NEVER = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
"""Folders in which pytest does not search."""
MARKS = ("pyvenv.cfg", "conda-meta", "CACHEDIR.TAG", "cells.jsonl")
"""A folder with one of these is an environment, a cache or a run of this tool: it has no tests."""
PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", ".git")
"""The top folder of a project contains one of these."""
_SETTINGS = (
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", ""),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)
"""The files and sections in which pytest looks for its settings; the first one found counts."""


@frozen(kw_only=True)
class Settings:
    """The part of a project's settings that says where its tests are."""

    python_files: tuple[str, ...] = ("test_*.py", "*_test.py")
    testpaths: tuple[str, ...] = ()
    norecursedirs: tuple[str, ...] = NEVER


def suite_of_arguments(arguments: Sequence[str], folder: Path) -> Suite:
    """The suite that `pytest ARGUMENTS` runs in `folder`. Raises `UsageError`."""
    paths, options = pytest_words.divide(arguments)
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
    settings = settings_of(project_of(Path(os.path.realpath(folder))))
    return any(True for _ in _files(folder, ".", settings))


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
    settings = settings_of(suite.folder)
    for path in suite.paths or settings.testpaths or (".",):
        for file in _files(suite.folder, path, settings):
            files.setdefault(file, []).append(path if "::" in path else file)
            if len(files) > MOST_FILES:
                raise UsageError(f"{suite.folder} has more than {MOST_FILES} test files")
    if not files:
        where = " ".join(suite.paths) or str(suite.folder)
        raise UsageError(f"no test file in {where}: expected {' or '.join(settings.python_files)}")
    return tuple(
        Case(name=file, args=(*suite.options, *_wanted(file, parts)))
        for file, parts in files.items()
    )


def settings_of(folder: Path) -> Settings:
    for name, section in _SETTINGS:
        found = _section(folder / name, section)
        if found is not None:
            given = {
                key: words
                for key in ("python_files", "testpaths", "norecursedirs")
                if (words := _words(found.get(key)))
            }
            return Settings(**given)
    return Settings()


def _relative(path: str, folder: Path) -> str:
    file, colons, rest = path.partition("::")
    place = Path(os.path.normpath(folder / file)).relative_to(folder)
    return f"{place.as_posix()}{colons}{rest}"


def _wanted(file: str, parts: Sequence[str]) -> list[str]:
    """The whole file if the user asked for it, else the tests that the user named."""
    return [file] if file in parts else list(dict.fromkeys(parts))


def _files(root: Path, path: str, settings: Settings) -> Iterator[str]:
    place = root / file_of_test(path)
    if place.is_file():
        yield file_of_test(path)
        return
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not _is_left_out(folder, name, settings))
        for name in sorted(names):
            file = (Path(folder) / name).relative_to(root).as_posix()
            if any(_matches(glob, name, file) for glob in settings.python_files):
                yield file


def _is_left_out(folder: str, name: str, settings: Settings) -> bool:
    inner = Path(folder) / name
    return (
        name == "__pycache__"
        or any(fnmatch.fnmatchcase(name, glob) for glob in settings.norecursedirs)
        or any((inner / mark).exists() for mark in MARKS)
    )


def _matches(glob: str, name: str, file: str) -> bool:
    """Whether a glob matches a name; a glob with a slash must match the end of the path."""
    return fnmatch.fnmatchcase(file, f"*/{glob}" if "/" in glob else "*/" + glob) or (
        fnmatch.fnmatchcase(name if "/" not in glob else file, glob)
    )


def _section(path: Path, name: str) -> Optional[dict[str, Any]]:
    """pytest's section of a settings file; None if the file has none."""
    try:
        text = regular_text(path)
    except (OSError, UnicodeDecodeError):
        return None
    if path.suffix == ".toml":
        return _of_toml(text)
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    if name in parser:
        return dict(parser[name])
    return {} if path.name.endswith("pytest.ini") else None


def _of_toml(text: str) -> Optional[dict[str, Any]]:
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        tool = toml.loads(text).get("tool", {}).get("pytest", {})
        found = tool.get("ini_options") or tool
    except (ValueError, RecursionError, AttributeError):
        return None
    return found if isinstance(found, dict) and found else None


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    return tuple(shlex.split(value, comments=True)) if isinstance(value, str) else ()
