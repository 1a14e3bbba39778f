"""Reads the part of a project's settings for pytest that says where its tests are."""

from __future__ import annotations

import configparser
import importlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from attrs import frozen

from runner.machine.files import regular_text
from runner.scripts import pytest_words

NEVER = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
"""Folders in which pytest does not search."""
_SETTINGS = (
    ("pytest.toml", "pytest"),
    (".pytest.toml", "pytest"),
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", "tool.pytest"),
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
    addopts: tuple[str, ...] = ()
    """Options that pytest puts before those of its command line."""


def settings_of(folder: Path, options: Sequence[str] = ()) -> Settings:
    """The settings of a project; `-o NAME=VALUE` among the options overrides them."""
    found = (_section(folder / name, section) for name, section in _SETTINGS)
    given = next((each for each in found if each is not None), {})
    overriding = pytest_words.values(options, "-o", "--override-ini")
    given = {**given, **dict(one.split("=", 1) for one in overriding if "=" in one)}
    names = ("python_files", "testpaths", "norecursedirs", "addopts")
    return Settings(**{name: words for name in names if (words := _words(given.get(name)))})


def _section(path: Path, name: str) -> Optional[dict[str, Any]]:
    """pytest's section of a settings file; None if the file has none."""
    try:
        text = regular_text(path)
    except (OSError, UnicodeDecodeError):
        return None
    if path.suffix == ".toml":
        return _of_toml(text, name.split("."))
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    if name in parser:
        return dict(parser[name])
    return {} if path.name.endswith("pytest.ini") else None


def _of_toml(text: str, keys: Sequence[str]) -> Optional[dict[str, Any]]:
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found = toml.loads(text)
        for key in keys:
            found = found.get(key, {})
        found = found.get("ini_options") or found
    except (ValueError, RecursionError, AttributeError):
        return None
    return found if isinstance(found, dict) and found else None


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    try:
        return tuple(shlex.split(value, comments=True)) if isinstance(value, str) else ()
    except ValueError:  # an open quote, of which pytest will say more
        return ()
