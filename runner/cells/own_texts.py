"""The texts of a script, or of a suite's test files, together with those of their own modules."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from runner.machine.files import regular_text
from runner.model import Repro, Suite

MOST_MODULES = 200
"""At most this many modules of one package are examined."""


def own_texts(repro: Repro) -> dict[Path, str]:
    """The texts that a repro's cells run, by file; for a suite, without this tool's driver.

    Raises `OSError` or `UnicodeDecodeError` for a script. Other unreadable files are left out,
    because importing them fails.
    """
    if repro.suite is None:
        named = {repro.script: regular_text(repro.script)}
    else:
        named = _readable(_test_files(repro, repro.suite))
    return {**named, **own_modules(import_folders(repro), named.values())}


def import_folders(repro: Repro) -> list[Path]:
    """The folders in which Python finds the repro's own modules."""
    if repro.suite is None:
        return [repro.home]
    top = repro.suite.folder
    beside = ((top / case.base_name).parent for case in repro.cases)
    return list(dict.fromkeys((top, top / "src", *beside)))


def own_modules(folders: Sequence[Path], texts: Iterable[str]) -> dict[Path, str]:
    """The modules that texts import from `folders`, directly or indirectly, with their texts.

    A package counts with all its modules. Unreadable modules are left out, because importing them
    fails.
    """
    from runner.cells.forkable import imported_anywhere

    found: dict[Path, str] = {}
    seen: set[str] = set()
    todo = list(texts)
    while todo:
        names = imported_anywhere(todo.pop()) - seen
        seen |= names
        new = _readable(path for name in sorted(names) for path in _modules_named(folders, name))
        todo += [text for path, text in new.items() if path not in found]
        found.update(new)
    return found


def _test_files(repro: Repro, suite: Suite) -> Iterator[Path]:
    """The test files and the `conftest.py` files above them, inside the project's folder."""
    for case in repro.cases:
        for folder in reversed(Path(case.base_name).parents):
            yield suite.folder / folder / "conftest.py"
        yield suite.folder / case.base_name


def _modules_named(folders: Sequence[Path], name: str) -> Iterator[Path]:
    for folder in folders if name else ():
        if (single := folder / f"{name}.py").is_file():
            yield single
        yield from itertools.islice((folder / name).rglob("*.py"), MOST_MODULES)


def _readable(paths: Iterable[Path]) -> dict[Path, str]:
    texts: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        with suppress(OSError, UnicodeDecodeError):
            texts[path] = regular_text(path)
    return texts
