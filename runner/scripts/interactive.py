"""Rewrites what works in notebooks only: `await` outside functions, and `display`. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_RUN = '__import__("asyncio").get_event_loop().run_until_complete('
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def as_plain_script(text: str) -> str:
    """`text` as plain Python can run it; unchanged if this Python cannot parse it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    lines = text.encode("utf-8").split(b"\n")
    for each in sorted(_awaited(tree), key=lambda node: (node.lineno, node.col_offset))[::-1]:
        _replace(lines, each)
    found = b"\n".join(lines).decode("utf-8")
    return f"display = print\n\n{found}" if _displays(tree) else found


def _awaited(node: ast.AST) -> Iterator[ast.Await]:
    """The `await` expressions outside functions and classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Await):
            yield child
        if not isinstance(child, _SCOPES):
            yield from _awaited(child)


def _replace(lines: list[bytes], each: ast.Await) -> None:
    """Replace `await value` by a call that waits for the value.

    The end is changed first, because it may be on the same line.
    """
    last, end = (each.end_lineno or each.lineno) - 1, each.end_col_offset or 0
    lines[last] = lines[last][:end] + b")" + lines[last][end:]
    first, start = each.lineno - 1, each.col_offset
    rest = lines[first][start + len(b"await") :].lstrip()
    lines[first] = lines[first][:start] + _RUN.encode() + rest


def _displays(tree: ast.AST) -> bool:
    """Whether the text uses IPython's `display` and does not define a `display` of its own."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "display"]
    bound = any(isinstance(node.ctx, ast.Store) for node in names) or any(
        (alias.asname or alias.name) in ("display", "*")
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    )
    defined = any(
        isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == "display"
        for node in ast.walk(tree)
    )
    return bool(names) and not (bound or defined)
