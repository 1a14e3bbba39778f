"""Finds packages that scripts import and environments lack; asks for them, adds or names them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import click

from runner.cells.lacks import imports
from runner.cells.own_texts import import_folders, own_texts
from runner.cli import running
from runner.cli.selected import select
from runner.errors import LockError
from runner.matrix.selection import Selection
from runner.model import Repro, package_name, pinned_version
from runner.report.text import listed

AUTO = "auto"
"""`--with auto` adds every missing package that is known."""


def select_with(selection: dict[str, Any], say: Callable[[str], None]) -> Selection:
    """The cells that `selection` asks for, after missing packages were added to it.

    On a terminal, the user is asked first. Raises `UsageError`.
    """
    given = tuple(each for each in selection["packages"] if each != AUTO)
    automatic = len(given) < len(selection["packages"])
    selection["packages"] = given
    chosen = select(**selection)
    found = missing(chosen)
    if not found:
        return chosen
    packages = sorted(set(found.values()))
    said = f"{listed(list(found))}, which the environments lack"
    if not automatic and not _agreed(said, packages):
        options = " ".join(f"--with {package}" for package in packages)
        say(f"imported at the top: {said}; add {options}, or --with auto")
        return chosen
    if automatic:
        say(f"imported at the top: {said}: {listed(packages, len(packages))} added")
    selection["packages"] = (*given, *packages)
    return select(**selection)


def missing(chosen: Selection) -> dict[str, str]:
    """Module → package, for each module that a script imports and an environment lacks."""
    found: dict[str, str] = {}
    for repro in chosen.matrix.repros:
        texts, own = _texts(repro)
        if any(map(imports.imported_at_once, texts)):
            for installed in _installed(chosen, repro):
                found.update(imports.missing_packages(texts, own, installed))
    return found


def _texts(repro: Repro) -> tuple[list[str], set[str]]:
    """The texts that the repro runs, and the names of its own modules."""
    try:
        texts = own_texts(repro)
    except (OSError, UnicodeDecodeError):
        return [], set()
    places = [
        path.relative_to(folder)
        for folder in import_folders(repro)
        for path in texts
        if path.is_relative_to(folder)
    ]
    return list(texts.values()), {place.parts[0].removesuffix(".py") for place in places}


def _installed(chosen: Selection, repro: Repro) -> Iterator[frozenset[str]]:
    """The packages of each environment that the repro's cells will use."""
    lock = running.locker(chosen)
    mine = (cell for cell in chosen.cells if cell.repro.name == repro.name)
    for target in {c.target for c in mine if c.skip is None and c.lacks is None}:
        with suppress(LockError):  # its cells will say why
            packages = lock(target).packages
            yield frozenset(package_name(pinned_version(each)[0]) for each in packages)


def _agreed(said: str, packages: list[str]) -> bool:
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    question = f"The script imports {said}. Add {listed(packages)}?"
    return click.confirm(question, default=True, err=True)
