"""Turns the chosen blocks of an issue into files, one of which is run. Pure."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Optional

from attrs import frozen

from runner.errors import UsageError
from runner.github.issue_scripts import Block, as_python

Numbered = tuple[int, Block]


@frozen(kw_only=True)
class Files:
    """The contents of the files, by name."""

    script: str
    """The name of the file that is run."""
    contents: dict[str, str]


def joined_files(chosen: Sequence[Numbered], name: str) -> Files:
    """The files for the blocks: one script, or several files if one block imports another.

    `name` is for a file without a name. Raises `UsageError` for a notebook among several blocks.
    """
    if len(chosen) == 1:
        block = chosen[0][1]
        own = f"{name}.ipynb" if block.is_notebook else f"{name}.py"
        return Files(script=own, contents={own: block.source})
    if any(block.is_notebook for _, block in chosen):
        raise UsageError("a notebook cannot be joined with other blocks: choose it alone")
    return _modules(chosen, f"{name}.py") or _one_script(chosen, f"{name}.py")


def _one_script(chosen: Sequence[Numbered], name: str) -> Files:
    parts = (f"# block {number}\n{block.source}" for number, block in chosen)
    return Files(script=name, contents={name: "\n".join(parts)})


def _modules(chosen: Sequence[Numbered], name: str) -> Optional[Files]:
    """The files, if a block imports another one that has a name in the issue; else None.

    A block that others import is a module; the other blocks form the script.
    """
    named = {block.name.removesuffix(".py"): block for _, block in chosen if block.name}
    imported = {
        module
        for _, block in chosen
        for module in _imports(block.source)
        if module in named and named[module] is not block
    }
    main = [(n, block) for n, block in chosen if block.name.removesuffix(".py") not in imported]
    if not imported or not main:
        return None
    script = (
        _one_script(main, name) if len(main) > 1 else joined_files(main, name.removesuffix(".py"))
    )
    modules = {f"{module}.py": named[module].source for module in sorted(imported)}
    return Files(script=script.script, contents={**script.contents, **modules})


def _imports(source: str) -> set[str]:
    """The top-level modules that a block imports."""
    try:
        tree = ast.parse(as_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found
