"""Tells whether a file has tests for pytest or is a script that runs by itself."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from runner.machine.files import regular_text

NAMES = ("test_*.py", "*_test.py")
"""The names of test files, unless the project's settings say otherwise."""
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NO_DEEDS = (*_DEFINITIONS, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Pass)
_RUNNERS = ("unittest", "pytest", "nose", "absltest", "googletest", "test")
"""If a file calls `main` of one of these modules, it runs its own tests."""


def is_for_pytest(file: Path) -> bool:
    """Whether the file has the name of a test file, contains tests, and does not run them."""
    if not any(fnmatch.fnmatchcase(file.name, glob) for glob in NAMES):
        return False
    try:
        module = parse_module(regular_text(file, errors="replace"))
    except OSError:
        return False
    names = set(defined_tests(module))
    return bool(names) and not any(_runs(statement, names) for statement in module.body)


def parse_module(source: str) -> ast.Module:
    """The parsed source; an empty module if this Python cannot parse it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def only_defines(module: ast.Module) -> bool:
    """Whether the module only imports, defines and assigns, so that running it does nothing."""
    return all(
        isinstance(statement, _NO_DEEDS)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in module.body
    )


def defined_tests(module: ast.Module) -> Iterator[str]:
    """The names of a module's tests, found as pytest and unittest find them."""
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


def _runs(statement: ast.stmt, tests: set[str]) -> bool:
    """Whether a top-level statement runs tests, by calling them or a runner's `main`."""
    if isinstance(statement, _DEFINITIONS):
        return False
    calls = (each for each in ast.walk(statement) if isinstance(each, ast.Call))
    return any(_is_run(call.func, tests) for call in calls)


def _is_run(function: Union[ast.expr, None], tests: set[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in tests
    if not isinstance(function, ast.Attribute):
        return False
    owner = getattr(function.value, "attr", getattr(function.value, "id", ""))
    return function.attr in ("main", "console_main") and owner in _RUNNERS
