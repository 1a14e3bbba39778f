"""The Python code in a snapshot, to look up the names that a user gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from runner import paths
from runner.cells.snapshot.record import Snapshot
from runner.errors import meant
from runner.machine.files import regular_text

_TEST = re.compile(r"def (test\w*)")
_MAKES_TESTS = re.compile(r"\bsetattr\(|\bload_tests\b|\btype\(")

_NEAR = 0.8
"""How similar a name must be to a known one to be a misspelling of it."""


def python_text(taken: Snapshot) -> str:
    """The script and all modules beside it, one after the other, without the driver of a suite."""
    names = {taken.workspace.script, *filter(_is_module, taken.files)}
    return _joined({name: taken.workspace.home / name for name in names})


def text_of_modules(files: Mapping[str, Path]) -> str:
    """The modules among the files, by name, one after the other, without the driver of a suite."""
    return _joined({name: file for name, file in files.items() if _is_module(name)})


def _is_module(name: str) -> bool:
    return name.endswith(".py")


def _joined(files: Mapping[str, Path]) -> str:
    own = (files[name] for name in sorted(files) if name != paths.suite_driver().name)
    return "\n".join(regular_text(file, errors="replace") for file in own if file.is_file())


def has_word(text: str, word: str) -> bool:
    """Whether `text` has `word`, and not only within a longer one."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def why_no_test(text: str, names: Iterable[str]) -> str:
    """Which of `names` (`test_a.py::test_one`) is surely no test of that code; "" if none is.

    A test may be inherited from an installed class, or be made from another one with more words
    behind its name, as absl does for parameters; such names count as tests.
    """
    if _MAKES_TESTS.search(text):
        return ""
    known = _TEST.findall(text)
    for name in names:
        parts = [part.partition("[")[0] for part in name.split("::")]
        if not parts[-1].isidentifier() or parts[-1].startswith(tuple(known)):
            continue
        hint = meant(parts[-1], known, _NEAR)
        if hint or len(parts) < 3:
            return f"there is no test {parts[-1]}{hint}"
    return ""
