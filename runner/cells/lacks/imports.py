"""Finds the packages that a script will lack, from its imports, before it runs. Pure.

Only unconditional imports count: at the top of a module, not in a `try` or under a condition. An
import in a function may never run.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from runner.cells.lacks import data, packages
from runner.model import package_name


def missing_packages(
    texts: Iterable[str], own: Collection[str], installed: Collection[str]
) -> dict[str, str]:
    """Missing module → its package, for the modules that `texts` import.

    `own`: modules beside the script. `installed`: packages by their normalised names. Modules whose
    package is not known are left out.
    """
    found: dict[str, str] = {}
    for module in dict.fromkeys(name for text in texts for name in imported_at_once(text)):
        top = module.partition(".")[0]
        if top in own or package_name(top) in installed or _is_standard(top):
            continue
        package = packages.package_of(module)
        if package is not None and package_name(package) not in installed:
            found[module] = package
    return found


@lru_cache(maxsize=64)
def imported_at_once(text: str) -> tuple[str, ...]:
    """Modules that the text always imports; none if this Python cannot parse the text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(_imported(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _is_standard(top: str) -> bool:
    """Whether it is a module of any Python's library. If one is
    missing, the script needs another Python."""
    if top in getattr(sys, "stdlib_module_names", sys.builtin_module_names):
        return True
    return top in data.table("library")["modules"]
