"""Reads the parts of a script's syntax tree that may hold names of files. Pure."""

from __future__ import annotations

import ast
from typing import Optional


def literal_parts(node: ast.BinOp) -> list[str]:
    """The literal parts at the end of a chain of `/`."""
    parts: list[str] = []
    current: ast.AST = node
    while isinstance(current, ast.BinOp) and isinstance(current.op, ast.Div):
        text = literal_text(current.right)
        if text is None:
            break
        parts.insert(0, text.strip("/"))
        current = current.left
    return parts


def trailing_literals(parts: list[Optional[str]]) -> int:
    """How many parts at the end are literals."""
    count = 0
    while count < len(parts) and parts[-1 - count] is not None:
        count += 1
    return count


def literal_text(node: ast.AST) -> Optional[str]:
    """The text of a literal; None for any other node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def called_name(node: ast.Call) -> str:
    """The last part of the function's name: `join` of `os.path.join(…)`."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def joins_path(node: ast.Call) -> bool:
    """Whether it makes a path of its arguments."""
    return called_name(node) in ("join", "joinpath", "Path", "PurePath")
