"""Finds whether the end of a script can be evidence about TensorFlow.

It cannot if the script never imported TensorFlow, or if it only defines tests and does not run
them.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Optional

from runner.machine.files import regular_text
from runner.model import Execution
from runner.scripts import pytest_files

NO_TENSORFLOW = "it never imported TensorFlow or Keras: --allow-no-tensorflow judges it anyway"

_TRIED = re.compile(
    r"[/\\](?:site|dist)-packages[/\\](?:tensorflow|tensorflow_core|keras|tf_keras)[/\\]"
    r"|^\s+(?:import|from) (?:tensorflow|keras|tf_keras)\b"
    r"|No module named '?(?:tensorflow|keras|tf_keras)\b",
    re.MULTILINE,
)
"""The traceback of an import that failed before any library was loaded."""
_RAN_NONE = re.compile(r"^Ran 0 tests in |^=+ no tests ran in ", re.MULTILINE)
_IMPORTED = frozenset({"tensorflow", "keras", "tf_keras"})


def why_silent(execution: Execution, script: Path) -> Optional[str]:
    """Why the end of a script is no evidence about TensorFlow; None if it may be evidence."""
    if execution.imported is False and not _tried(execution, script):
        return NO_TENSORFLOW
    if execution.exit_code != 0:
        return None
    if _RAN_NONE.search(execution.output):
        return "it ran no tests"
    tests = _looked_at(script).tests
    names = ", ".join(tests[:3]) + (" …" if len(tests) > 3 else "")
    return f"it defines tests that nothing ran: {names}" if tests else None


def never_imported(execution: Execution) -> bool:
    """Whether a test ran in a process without TensorFlow, although no import of it failed."""
    return execution.imported is False and not _TRIED.search(execution.errors)


def _tried(execution: Execution, script: Path) -> bool:
    return bool(_TRIED.search(execution.errors)) or _looked_at(script).tries


class Script:
    """Facts about a script's tests and imports, from its text."""

    def __init__(self, source: str) -> None:
        module = pytest_files.parse_module(source)
        only_defines = pytest_files.only_defines(module)
        self.tests = tuple(pytest_files.defined_tests(module)) if only_defines else ()
        """The tests that the script defines, if it does nothing else."""
        self.tries = any(_tries(statement) for statement in module.body)
        """Whether the script catches a failing import of TensorFlow or Keras."""


_NO_SCRIPT = Script("")


def _looked_at(script: Path) -> Script:
    try:
        return _script(script, script.stat().st_mtime_ns)
    except OSError:
        return _NO_SCRIPT


@functools.lru_cache(maxsize=256)
def _script(script: Path, _changed: int) -> Script:
    return Script(regular_text(script, errors="replace"))


def _tries(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Try):
        return False
    return any(_IMPORTED.intersection(_names(each)) for each in ast.walk(statement))


def _names(node: ast.AST) -> set[str]:
    """The top-level modules that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").partition(".")[0]}
    return set()
