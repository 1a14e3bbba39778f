"""Turns the words after `python -m unittest` into a suite, which pytest runs like unittest."""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn, Optional

from attrs import frozen

from runner.errors import UsageError
from runner.model import Suite
from runner.scripts import unittest_files
from runner.scripts.suites import MARKS, MOST_FILES

OPTIONS = (
    *("--noconftest", "-p", "no:warnings"),
    *("-o", "addopts=", "-o", "usefixtures=", "-o", "filterwarnings="),
    *("-o", "python_classes=", "-o", "python_functions="),
)
"""With these, pytest runs only the tests that unittest knows, without the settings for pytest."""
USE_PYTEST = "name these tests to pytest: -- pytest FILE"
_WITHOUT_EFFECT = ("--failfast", "--buffer", "--catch", "--locals", "--durations")
_MODULE_FILE = re.compile(r"[_a-z]\w*\.py", re.IGNORECASE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"python -m unittest: {message}")


@frozen(kw_only=True)
class _Search:
    """What `discover` searches: below `start`, for files named `pattern`, imported from `top`."""

    start: Path
    pattern: str
    top: Path


def suite_of_unittest(words: Sequence[str], folder: Path) -> tuple[Suite, tuple[str, ...]]:
    """The suite that `python -m unittest WORDS` runs in `folder`, and what the user should know.

    Raises `UsageError` where pytest would run other tests, or judge a test differently.
    """
    discovers = tuple(words[:1]) == ("discover",)
    given = _parser(discovers).parse_args(list(words[1:] if discovers else words))
    names = [] if discovers else given.tests
    top = folder
    if names:
        places = [_place(name, folder) for name in names]
    else:
        search = _search(given if discovers else argparse.Namespace(), folder)
        top = search.top
        places = [(file, ()) for file in _discovered(search, folder)]
    for file in dict.fromkeys(file for file, _ in places):
        unittest_files.check(folder / file, folder, top)
    paths = [path for file, parts in places for path in _paths(folder, top, file, parts, given.k)]
    if not paths:
        raise UsageError(f"python -m unittest: no test is named like {' or '.join(given.k)}")
    suite = Suite(folder=folder, paths=tuple(dict.fromkeys(paths)), options=OPTIONS)
    unused = [name for name in _WITHOUT_EFFECT if getattr(given, name[2:])]
    remark = f"without effect, because each test is a row: {', '.join(unused)}"
    return suite, (remark,) if unused else ()


def _parser(discovers: bool) -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m unittest", add_help=False)
    for short, long in (("-v", "--verbose"), ("-q", "--quiet"), ("-f", "--failfast")):
        parser.add_argument(short, long, action="store_true")
    parser.add_argument("-b", "--buffer", action="store_true")
    parser.add_argument("-c", "--catch", action="store_true")
    parser.add_argument("--locals", action="store_true")
    parser.add_argument("--durations", type=int)
    parser.add_argument("-k", action="append", default=[])
    if not discovers:
        parser.add_argument("tests", nargs="*")
        return parser
    for short, long in (
        ("-s", "--start-directory"),
        ("-p", "--pattern"),
        ("-t", "--top-level-directory"),
    ):
        parser.add_argument(short, long)
    parser.add_argument("positional", nargs="*", metavar="DIR PATTERN TOP")
    return parser


def _search(given: argparse.Namespace, folder: Path) -> _Search:
    options = ("start_directory", "pattern", "top_level_directory")
    values: list[Optional[str]] = [getattr(given, name, None) for name in options]
    positional = getattr(given, "positional", [])
    if len(positional) > len(values):
        raise UsageError(f"python -m unittest discover: unexpected {' '.join(positional[3:])}")
    for index, value in enumerate(positional):
        values[index] = value
    start = _folder(values[0] or ".", folder)
    top = _folder(values[2], folder) if values[2] else start
    if start != top and top not in start.parents:
        raise UsageError(f"python -m unittest discover: {start} is not inside {top}")
    if start != top and not (start / "__init__.py").is_file():
        raise UsageError(
            f"python -m unittest discover: {values[0]} has no __init__.py, so unittest cannot "
            f"import it from {values[2]}"
        )
    return _Search(start=start, pattern=values[1] or "test*.py", top=top)


def _folder(named: str, folder: Path) -> Path:
    """A folder that is named by its path, or as a package."""
    for path in (named, named.replace(".", "/")):
        place = Path(os.path.normpath(folder / path))
        if os.path.isdir(place):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            _check_inside(place, named, folder)
            return place
    raise UsageError(f"python -m unittest discover: there is no folder {named} in {folder}")


def _check_inside(place: Path, named: str, folder: Path) -> None:
    if folder != place and folder not in place.parents:
        raise UsageError(
            f"python -m unittest: {named} is outside {folder}, the folder copied into cells",
            remedy="run this in the project's own folder",
        )


def _discovered(search: _Search, folder: Path) -> list[str]:
    """The files in which unittest searches for tests; below `start`, it enters only packages."""
    found: list[str] = []
    for place in _walked(search):
        found.append(place.relative_to(folder).as_posix())
        if len(found) > MOST_FILES:
            raise UsageError(f"{search.start} has more than {MOST_FILES} test files")
    if not found:
        raise UsageError(
            f"python -m unittest: no test file in {search.start}: expected {search.pattern}",
            remedy="a folder below it is searched only if it has an __init__.py",
        )
    return found


def _walked(search: _Search) -> Iterator[Path]:
    for place, folders, names in os.walk(search.start):
        here = Path(place)
        packages = (name for name in sorted(folders) if (here / name / "__init__.py").is_file())
        folders[:] = [
            name for name in packages if not any((here / name / mark).exists() for mark in MARKS)
        ]
        if here != search.top:
            unittest_files.check_package(here / "__init__.py")
        for name in sorted(names):
            if _MODULE_FILE.fullmatch(name) and fnmatch.fnmatch(name, search.pattern):
                yield here / name


def _place(name: str, folder: Path) -> tuple[str, tuple[str, ...]]:
    """The file for `tests.test_a.TestX.test_y` or `tests/test_a.py`, and the names in it."""
    if name.endswith(".py") and os.path.isfile(folder / name):  # noqa: PTH113 - as above
        place = Path(os.path.normpath(folder / name))
        _check_inside(place, name, folder)
        return place.relative_to(folder).as_posix(), ()
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place = folder.joinpath(*parts[:count])
        file = place.with_name(f"{place.name}.py")
        if "/" in name or not all(parts):
            break
        if os.path.isfile(file):  # noqa: PTH113 - as above
            rest = tuple(parts[count:])
            unittest_files.check_names(file, rest, name)
            return file.relative_to(folder).as_posix(), rest
        if os.path.isdir(place):  # noqa: PTH112 - as above
            raise UsageError(
                f"python -m unittest {name}: unittest does not search the folder {place}",
                remedy=f"use discover -s {'/'.join(parts[:count])} -t .",
            )
    raise UsageError(
        f"python -m unittest {name}: there is no such module in {folder}", remedy=USE_PYTEST
    )


def _paths(
    folder: Path, top: Path, file: str, parts: tuple[str, ...], patterns: Sequence[str]
) -> Iterator[str]:
    """The tests of one file, as pytest names them.

    unittest does not apply `-k` to `runTest`, and to a test that is named itself.
    """
    whole = "::".join((file, *parts))
    if not patterns or len(parts) > 1:
        yield whole
        return
    globs = [each if "*" in each else f"*{each}*" for each in patterns]
    module = ".".join((folder / file).relative_to(top).with_suffix("").parts)
    for names in unittest_files.tests_of(folder / file):
        if names[: len(parts)] != parts:
            continue
        name = ".".join((module, *names))
        if names[1] == "runTest" or any(fnmatch.fnmatchcase(name, glob) for glob in globs):
            yield "::".join((file, *names))
