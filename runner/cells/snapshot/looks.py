"""Finds whether a script asks if a file is there whose name it makes while it runs. Pure.

No watch of a folder sees that a program looks at a file without opening it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from runner.cells.snapshot.expressions import (
    called_name,
    joins_path,
    literal_parts,
    literal_text,
    trailing_literals,
)

_ASKS_TEXT = re.compile(r"\b(?:exists|isfile|isdir|is_file|is_dir|find_spec)\(")


def looks_for_files(nodes: Sequence[ast.AST]) -> bool:
    """Whether any node does, of all nodes of a script."""
    named = _named_texts(nodes)
    return any(_asks_for_made_name(node, named) for node in nodes)


def may_look_for_files(text: str) -> bool:
    """The same for a text that this Python cannot parse."""
    return _ASKS_TEXT.search(text) is not None


_ASKS = frozenset(
    {
        *("exists", "lexists", "isfile", "isdir", "is_file", "is_dir", "access", "find_spec"),
        *("stat", "lstat", "getsize", "getmtime"),
    }
)
"""Functions that look at a file without opening it: no watch of a folder sees that."""


def _asks_for_made_name(node: ast.AST, named: frozenset[str]) -> bool:
    if not isinstance(node, ast.Call) or called_name(node) not in _ASKS:
        return False
    asked = node.args[0] if node.args else getattr(node.func, "value", node)
    return not _is_named(asked, named)


def _is_named(node: ast.AST, named: frozenset[str]) -> bool:
    """Whether the text has the name of the file, at most below a folder that it does not name."""
    if isinstance(node, ast.Name):
        return node.id in named
    if _is_elsewhere(node):
        return True
    if isinstance(node, ast.BinOp):
        return bool(literal_parts(node)) and not isinstance(_base(node), ast.JoinedStr)
    if isinstance(node, ast.JoinedStr):
        return len(node.values) == 2 and (literal_text(node.values[1]) or "").startswith("/")
    if isinstance(node, ast.Call) and joins_path(node):
        known = trailing_literals([literal_text(argument) for argument in node.args])
        return 0 < known >= len(node.args) - 1
    return literal_text(node) is not None or _is_of_script(node) or _is_argument(node)


def _base(node: ast.BinOp) -> ast.AST:
    """What stands before the literal parts of a chain of `/`."""
    current: ast.AST = node
    while isinstance(current, ast.BinOp) and literal_text(current.right) is not None:
        current = current.left
    return current


def _is_elsewhere(node: ast.AST) -> bool:
    """Whether a path begins at the root, so that it is none of a file beside the script."""
    if isinstance(node, ast.Call) and joins_path(node):
        parts: list[ast.expr] = node.args
    else:
        parts = node.values if isinstance(node, ast.JoinedStr) else []
    return bool(parts) and (literal_text(parts[0]) or "").startswith("/")


def _is_argument(node: ast.AST) -> bool:
    """`sys.argv[1]`: a name that the user gives."""
    return isinstance(node, ast.Subscript) and getattr(node.value, "attr", "") == "argv"


def _is_of_script(node: ast.AST) -> bool:
    """`__file__`, and what is made of it alone."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return "__file__" in names and not any(
        isinstance(each, ast.JoinedStr) for each in ast.walk(node)
    )


def _named_texts(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The variables that are set once, to a name that the text has."""
    values: dict[str, list[ast.AST]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            values[node.id].append(node)
        elif isinstance(node, ast.arg):
            values[node.arg] += [node, node]
    once = {name for name, stored in values.items() if len(stored) == 1}
    return frozenset(
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_named(node.value, frozenset())
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in once
    )
