"""Finds that a script needs another Python: to parse it, or for the features that it uses."""

from __future__ import annotations

import re
from typing import Any, Optional

from runner.cells.lacks import data
from runner.cells.signature import Raised

_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})
_MODULE = re.compile(r"No module named '?([\w.]+)'?")
_NAME = re.compile(
    r"cannot import name '?(\w+)'?(?: from (?:partially initialized module )?'([\w.]+)')?"
)
_FROM = re.compile(r"from ([\w.]+) import\b")
_ATTRIBUTE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_METHOD = re.compile(r"'(\w+)' object has no attribute '(\w+)'")
_BUILTIN = re.compile(r"name '(\w+)' is not defined")


def find_need(raised: Raised) -> Optional[str]:
    """The Python that the script's own code needs. Such an error in TensorFlow's code is
    evidence."""
    if not data.is_own(raised.files):
        return None
    said = f"{raised.kind}: {raised.message.split(chr(10), 1)[0]}"
    if raised.kind in _SYNTAX:
        wanted = _for_syntax(raised)
        return f"needs {_named(wanted) if wanted else 'another Python'}: {said}"
    wanted = _for_name(raised) or _for_message(said, raised.source)
    return f"needs {_named(wanted)}: {said}" if wanted else None


def _for_syntax(raised: Raised) -> Optional[str]:
    for rule in data.table("python")["syntax"]:
        if _holds(rule, raised.message, raised.source):
            return str(rule["needs"])
    return None


def _for_message(said: str, source: str) -> Optional[str]:
    for rule in data.table("python")["messages"] if said.startswith("TypeError") else ():
        if _holds(rule, said, source):
            return str(rule["needs"])
    return None


def _holds(rule: dict[str, str], said: str, source: str) -> bool:
    return all(
        re.search(rule[name], text) is not None
        for name, text in (("said", said), ("source", source))
        if name in rule
    )


def _for_name(raised: Raised) -> Optional[str]:
    """The Python that has the missing module, name, method or built-in."""
    message = raised.message
    if raised.kind in ("ModuleNotFoundError", "ImportError"):
        missing, name = _MODULE.match(message), _NAME.match(message)
        if missing:
            return _looked_up("modules", missing[1])
        source = _FROM.match(raised.source)
        module = (name and name[2]) or (source[1] if source else "")
        return _looked_up("names", module, name[1]) if name else None
    if raised.kind == "AttributeError":
        attribute, method = _ATTRIBUTE.match(message), _METHOD.match(message)
        if attribute:
            return _looked_up("names", attribute[1], attribute[2])
        return _looked_up("methods", method[1], method[2]) if method else None
    builtin = _BUILTIN.match(message) if raised.kind == "NameError" else None
    return _looked_up("builtins", builtin[1]) if builtin else None


def _looked_up(*path: str) -> Optional[str]:
    found: Any = data.table("python")
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def _named(wanted: str) -> str:
    """`3.9` → `Python 3.9 or newer`, `<3.12` → `Python 3.11 or older`; other words unchanged."""
    if wanted == "<3":
        return "Python 2"
    if wanted.startswith("<"):
        major, minor = wanted[1:].split(".")
        return f"Python {major}.{int(minor) - 1} or older"
    return f"Python {wanted} or newer" if wanted[0].isdigit() else wanted
