"""Tells whether a test file may run in a process that has already imported TensorFlow."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

from runner.machine.files import regular_text
from runner.model import Case, Suite

_STRICT = re.compile(r"filterwarnings|--?W\b|-W[a-z]|pythonwarnings|PYTHONWARNINGS", re.IGNORECASE)
"""Settings by which warnings may become errors; importing TensorFlow gives warnings."""
_SETTINGS = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
)


def why_fresh(suite: Suite, case: Case) -> Optional[str]:
    """Why a file's tests need a fresh process; None if TensorFlow may be imported before.

    Before the file imports TensorFlow, each `conftest.py` above it and its own first lines run:
    these are examined as one script.
    """
    from runner.cells.forkable import forkable_tests, looks_at_itself

    file = case.base_name
    if any(_STRICT.search(text) for text in (*suite.options, *_texts(suite.folder, _SETTINGS))):
        return "its settings change how warnings are handled, and importing TensorFlow gives some"
    conftests = [str(place / "conftest.py") for place in _folders(file)]
    sources = list(_texts(suite.folder, (*conftests, file)))
    packages = [str(place / "__init__.py") for place in _folders(file)]
    if any(text.strip() for text in _texts(suite.folder, packages)):
        return "its package runs code in an __init__.py first"
    siblings = _siblings(suite.folder, file)
    looks = (looks_at_itself(source) for source in sources)
    return next(filter(None, looks), None) or forkable_tests(sources, siblings)


def _folders(file: str) -> list[Path]:
    """The folders of a file, from the top down."""
    return [*reversed(Path(file).parents)]


def _texts(folder: Path, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        try:
            yield regular_text(folder / name)
        except (OSError, UnicodeDecodeError):
            continue


def _siblings(folder: Path, file: str) -> frozenset[str]:
    """The names of modules that may hide installed ones: beside the file and at the top."""
    found: set[str] = set()
    for place in {folder, folder / "src", (folder / file).parent}:
        if os.path.isdir(place):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            found.update(one.stem for one in place.iterdir() if one.suffix == ".py" or one.is_dir())
    return frozenset(found)
