"""Whether a script that ended can have said anything about TensorFlow at all.

One that never imported it has not, whether it passed or failed; nor has one that defines tests and
leaves it to somebody else to run them.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from runner.model import Execution

NO_TENSORFLOW = (
    "it never imported TensorFlow or Keras: --allow-no-tensorflow judges it all the same"
)

_TRIED = re.compile(
    r"[/\\](?:site|dist)-packages[/\\](?:tensorflow|tensorflow_core|keras|tf_keras)[/\\]"
    r"|^\s+(?:import|from) (?:tensorflow|keras|tf_keras)\b"
    r"|No module named '?(?:tensorflow|keras|tf_keras)\b",
    re.MULTILINE,
)
"""What a traceback shows of an import that failed before any library was loaded."""
_RAN_NONE = re.compile(r"^Ran 0 tests in |^=+ no tests ran in ", re.MULTILINE)
_IMPORTED = frozenset({"tensorflow", "keras", "tf_keras"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NO_DEEDS = (*_DEFINITIONS, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Pass)


def why_silent(execution: Execution, script: Path) -> Optional[str]:
    """Why a script that ended by itself says nothing about TensorFlow; None where it may."""
    if execution.imported is False and not _tried(execution, script):
        return NO_TENSORFLOW
    if execution.exit_code != 0:
        return None
    if _RAN_NONE.search(execution.output):
        return "it ran no tests"
    tests = _looked_at(script).tests
    names = ", ".join(tests[:3]) + (" …" if len(tests) > 3 else "")
    return f"it defines tests that nothing ran: {names}" if tests else None


def _tried(execution: Execution, script: Path) -> bool:
    return bool(_TRIED.search(execution.errors)) or _looked_at(script).tries


class Script:
    """What the text of a script says of its tests and imports."""

    def __init__(self, source: str) -> None:
        try:
            module = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            module = ast.Module(body=[], type_ignores=[])
        self.tests = tuple(_tests(module)) if _only_defines(module) else ()
        """Those that it defines, where it does nothing else."""
        self.tries = any(_tries(statement) for statement in module.body)
        """Whether it survives an import of TensorFlow or Keras that fails."""


def _looked_at(script: Path) -> Script:
    try:
        return _script(script, script.stat().st_mtime_ns)
    except OSError:
        return Script("")


@functools.lru_cache(maxsize=256)
def _script(script: Path, _changed: int) -> Script:
    return Script(script.read_text("utf-8", errors="replace"))


def _only_defines(module: ast.Module) -> bool:
    """Whether running it does nothing: it imports, defines, and gives names to values."""
    return all(
        isinstance(statement, _NO_DEEDS)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in module.body
    )


def _tests(module: ast.Module) -> Iterator[str]:
    """As pytest and unittest find them."""
    for statement in module.body:
        if isinstance(statement, ast.ClassDef):
            methods = [each for each in statement.body if isinstance(each, _DEFINITIONS)]
            if _is_group(statement) and any(each.name.startswith("test") for each in methods):
                yield statement.name
        elif isinstance(statement, _DEFINITIONS) and statement.name.startswith("test"):
            yield statement.name


def _is_group(group: ast.ClassDef) -> bool:
    bases = (getattr(base, "attr", getattr(base, "id", "")) for base in group.bases)
    return group.name.startswith("Test") or any("TestCase" in base for base in bases)


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
