"""Finds a file of the user's that hides a module: a script called `numpy.py` hides NumPy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from runner.cells.lacks import data
from runner.cells.signature import Raised

_FILE = re.compile(r"(?:^|.*?[/\\])(?P<shown>(?P<module>\w+)(?:\.py|[/\\]__init__\.py))$")
_IMPORT = re.compile(r"from (\w+)[ .]|import (.+)")
_FROM_FILE = re.compile(
    r"cannot import name .+ from (?:partially initialized module )?'(?P<module>\w+)[.\w]*'"
    r".*\((?P<file>[^()]+)\)$"
)
_NO_PACKAGE = re.compile(r"No module named '.+'; '(?P<module>\w+)' is not a package$")


def find_need(raised: Raised) -> Optional[str]:
    """Another name for a file that was imported by an installed module, or by itself."""
    for imported_by, file, module in _imports(raised):
        found = _FILE.match(file)
        if found is None or found["module"] != module or not data.is_own([file]):
            continue
        if imported_by == file or not data.is_own([imported_by]):
            return f"needs another name for {found['shown']}, which hides the module {module}"
    return None


def _imports(raised: Raised) -> Iterator[tuple[str, str, str]]:
    """The imports that the traceback shows: who imported, what file was found, and for which
    module."""
    for above, source, below in zip(raised.files, raised.sources, raised.files[1:]):
        yield from ((above, below, module) for module in _modules(source))
    last = raised.files[-1] if raised.files else ""
    if found := _FROM_FILE.match(raised.message):
        yield last, found["file"], found["module"]
    if found := _NO_PACKAGE.match(raised.message):
        yield last, last, found["module"]


def _modules(source: str) -> list[str]:
    """The top-level modules that a line of Python imports."""
    found = _IMPORT.match(source)
    if found is None:
        return []
    names = [found[1]] if found[1] else found[2].split(",")
    return [re.split(r"\W", name.strip(), maxsplit=1)[0] for name in names]
