"""Reads `[tool.tfmatrix]` in the pyproject.toml of this or a parent folder: default options.

An option on the command line wins over it, and so does an environment variable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from runner import paths
from runner.errors import UsageError, meant

FILE = "pyproject.toml"
TABLE = "tool.tfmatrix"
MOST_BYTES = 1 << 20
CACHE = "cache"
PARAMETERS = {
    "engine": "engine",
    "cluster": "cluster",
    "jobs": "jobs",
    "memory-for-cells": "budget",
    "keep-environments": "keep",
    "max-disk": "max_disk",
}
"""Key → parameter of a command; the option has the name of the key."""


def apply(verbs: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """The `default_map` for click. Also sets TFMATRIX_CACHE. Raises `UsageError`."""
    found = find_settings(paths.working_folder())
    if found is None:
        return {}
    file, table = found
    for key, value in table.items():
        _check(key, value, f"{file}: [{TABLE}]")
    if CACHE in table:
        os.environ.setdefault("TFMATRIX_CACHE", str(file.parent / paths.expanded(table[CACHE])))
    given = {PARAMETERS[key]: value for key, value in table.items() if key != CACHE}
    return dict.fromkeys(verbs, given)


def find_settings(folder: Path) -> Optional[tuple[Path, dict[str, Any]]]:
    """The nearest pyproject.toml with the table, and the table."""
    for parent in (folder, *folder.parents):
        table = _table(parent / FILE)
        if table is not None:
            return parent / FILE, table
    return None


def _table(file: Path) -> Optional[dict[str, Any]]:
    if not os.path.lexists(file):
        return None
    from runner.machine.files import open_regular

    try:
        with open_regular(file, follow_links=True) as opened:
            owner = os.fstat(opened.fileno()).st_uid
            text = opened.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    if TABLE not in text:  # as in most files: the TOML need not be parsed
        return None
    if owner not in _trusted():
        from runner.cli import log

        log.print_warning(f"{file} belongs to another user, so its [{TABLE}] is not used")
        return None
    from runner.requirements import toml

    table = toml.parse_toml(text, str(file)).get("tool", {}).get("tfmatrix")
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{file}: {TABLE} is not a table; write [{TABLE}]")
    return table


def _trusted() -> set[int]:
    """The users whose settings count: anybody may write a file above our folder, as in /tmp, and
    the cache and the cluster that it names could run code as us. A container's root often works
    in a folder of the user outside."""
    return {os.geteuid(), 0, Path.cwd().stat().st_uid}


def _check(key: str, value: Any, place: str) -> None:
    if key not in (CACHE, *PARAMETERS):
        known = [CACHE, *PARAMETERS]
        hint = meant(key, known, 0.75) or f" (only {', '.join(known)})"
        raise UsageError(f"{place} has no key {key}{hint}")
    expected = _wrong(key, value)
    if expected is not None:
        raise UsageError(f"{place} {key}: {value!r} is wrong; expected {expected}")


def _wrong(key: str, value: Any) -> Optional[str]:
    """The expected value, if `value` is wrong; else None."""
    if key == "jobs":
        good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 256
        return None if good else "a number from 1 to 256"
    if not isinstance(value, str) or not value.strip():
        return "a text in quotes"
    return _WORDS[key](value) if key in _WORDS else None


def _engine(value: str) -> Optional[str]:
    from runner import engines

    names = ["auto", *engines.ENGINES]
    return None if value in names else " or ".join(names)


def _size(value: str) -> Optional[str]:
    from runner.machine import units

    try:
        units.parse_size(value)
    except UsageError:
        return "a size such as 20GB"
    return None


def _kept(value: str) -> Optional[str]:
    return None if value in ("all", "none") or _size(value) is None else "all, none or a size"


_WORDS: Mapping[str, Callable[[str], Optional[str]]] = {
    "engine": _engine,
    "memory-for-cells": _size,
    "max-disk": _size,
    "keep-environments": _kept,
}
