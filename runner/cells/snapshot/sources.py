"""A script's text → its imports, and the texts in it that may be names of files. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Optional

from attrs import evolve, frozen

from runner.cells.snapshot.expressions import (
    called_name,
    literal_parts,
    literal_text,
    trailing_literals,
)
from runner.cells.snapshot.looks import looks_for_files, may_look_for_files

LONGEST_NAME = 1024


@frozen
class Import:
    """`from ..module import names`, with `level` dots; `names` is empty for a plain import."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


@frozen
class Mentions:
    imports: frozenset[Import] = frozenset()
    texts: frozenset[str] = frozenset()
    absolute: frozenset[str] = frozenset()
    """Texts that may be absolute names of files."""
    lists: bool = False
    """Whether the text may list folders."""
    looks: bool = False
    """Whether the text asks if a file is there whose name it makes while it runs."""


_LISTS = re.compile(rb"\b(listdir|f?walk|r?glob|scandir|iterdir|iter_modules|walk_packages)\b")


def find_mentions(source: bytes) -> Mentions:
    """The imports and possible file names in `source`, found without running it."""
    return evolve(_mentions(source), lists=_LISTS.search(source) is not None)


def _mentions(source: bytes) -> Mentions:
    """All imports in `source`, even under an `if`; and its literals.

    Text that this Python cannot parse, such as another version's syntax, is read line by line,
    because the script may well run in the releases for which it was written.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _scan_lines(source.decode("utf-8", "replace"))
    nodes = list(ast.walk(tree))
    return Mentions(
        looks=looks_for_files(nodes),
        imports=frozenset(found for node in nodes for found in _imports(node)),
        texts=frozenset(text for node in nodes for text in _texts(node) if _may_be_name(text)),
        absolute=_absolute(literal_text(node) for node in nodes),
    )


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield Import(node.module or "", names, node.level)
    elif isinstance(node, ast.Call) and called_name(node) in ("import_module", "__import__"):
        name = literal_text(node.args[0]) if node.args else None
        if name:
            module = name.lstrip(".")
            yield Import(module, (), len(name) - len(module))


def _texts(node: ast.AST) -> Iterator[str]:
    """Literals, and the path in `HERE / "data" / "a.csv"` or `join(HERE, "data", "a.csv")`.

    A literal after a value, as in `f"{HERE}/a.csv"`, begins with a slash that does not mean the
    root.
    """
    text = literal_text(node)
    if text is not None:
        yield text.lstrip("/")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield "/".join(literal_parts(node))
    elif isinstance(node, ast.Call) and called_name(node) in (
        "join",
        "joinpath",
        "Path",
        "PurePath",
    ):
        parts = [literal_text(argument) for argument in node.args]
        known = parts[len(parts) - trailing_literals(parts) :]
        yield "/".join(part.strip("/") for part in known if part)


def _absolute(texts: Iterable[Optional[str]]) -> frozenset[str]:
    return frozenset(text for text in texts if text and text[0] == "/" and _may_be_name(text))


def _may_be_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable()


_FROM = re.compile(r"^\s*from\s+(\.*)([\w.]*)\s+import\s+\(?([\w\s,*]*)", re.MULTILINE)
_IMPORT = re.compile(r"^\s*import\s+([\w., ]+)", re.MULTILINE)
_QUOTED = re.compile(r"""(["'])([^"'\\\n]{1,200})\1""")


def _scan_lines(text: str) -> Mentions:
    imports = {
        Import(module, tuple(_names(names)), len(dots))
        for dots, module, names in _FROM.findall(text)
    }
    imports |= {Import(name) for names in _IMPORT.findall(text) for name in _names(names)}
    literals = [literal for _, literal in _QUOTED.findall(text)]
    return Mentions(
        imports=frozenset(imports),
        texts=frozenset(filter(_may_be_name, (literal.lstrip("/") for literal in literals))),
        absolute=_absolute(literals),
        looks=may_look_for_files(text),
    )


def _names(text: str) -> Iterator[str]:
    """The names in `a as b, c`."""
    for part in text.split(","):
        words = part.split()
        if words:
            yield words[0]
