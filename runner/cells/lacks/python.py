"""Finds that a script needs another Python: to parse it, or for the features that it uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Optional

from runner.cells.lacks import data
from runner.cells.signature import Raised, normalise

_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})
_NON_UTF_8 = re.compile(r"Non-UTF-8 code starting with .+? in file (.+) on line (\d+)")
_UNDECODED = re.compile(r"\(unicode error\) '(?:utf-?8|ascii)' codec can't decode")
NOT_UTF_8 = (
    "is not UTF-8, and no coding line names its encoding: save the file as UTF-8,"
    " or begin it with # -*- coding: latin-1 -*-"
)
"""What every Python 3 refuses, and the remedy."""
_MODULE = re.compile(r"No module named '?([\w.]+)'?")
_NAME = re.compile(
    r"cannot import name '?(\w+)'?(?: from (?:partially initialized module )?'([\w.]+)')?"
)
_FROM = re.compile(r"from ([\w.]+) import\b")
_ATTRIBUTE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_METHOD = re.compile(r"(?:type object )?'(?:\w+\.)*(\w+)'(?: object)? has no attribute '(\w+)'")
_ARGUMENT = re.compile(r"(?:[\w<>]+\.)*(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_BUILTIN = re.compile(r"name '(\w+)' is not defined")


def find_need(raised: Raised) -> Optional[str]:
    """The Python that the script's own code needs, or its syntax error. Such an error in
    TensorFlow's code is evidence."""
    said = f"{raised.kind}: {raised.message.split(chr(10), 1)[0]}"
    undecoded = _undecoded(raised)
    if undecoded:
        return f"{raised.kind}: {undecoded} {NOT_UTF_8}"
    if not data.is_own(raised.files):
        wanted = _by_rule("messages", said, raised.source) if _own_calls(raised.files) else None
    elif raised.kind in _SYNTAX:
        wanted = needed_for_syntax(raised.message, raised.source)
        if wanted is None:  # perhaps no Python reads it
            return f"{normalise(said)} ({_place(raised)})"
    else:
        wanted = _for_name(raised) or _by_rule("messages", said, raised.source)
    return f"needs {_named(wanted)}: {normalise(said)}" if wanted else None


def needed_for_syntax(message: str, source: str) -> Optional[str]:
    """The Python that compiles what a syntax error is about: `3.8`, `<3`; None if none is known."""
    return _by_rule("syntax", message, source)


def _undecoded(raised: Raised) -> str:
    """The place in a script of another encoding than it says; "" for any other error."""
    if raised.kind not in _SYNTAX:
        return ""
    named = _NON_UTF_8.match(raised.message)
    if named:
        return _line(*named.groups()) if data.is_own(named.groups()[:1]) else ""
    found = _UNDECODED.match(raised.message) and data.is_own(raised.files)
    return _line(raised.files[-1], raised.line) if found else ""


def _line(file: str, number: str) -> str:
    """`mine.py, line 3`"""
    return re.split(r"[/\\]", file)[-1] + f", line {number}"


def _place(raised: Raised) -> str:
    """`mine.py, line 3: x = (`"""
    source = f": {raised.source[:80]}" if raised.source else ""
    return _line(raised.files[-1], raised.line) + source


def _own_calls(files: Sequence[str]) -> bool:
    """Whether the script's own code called Python's library, and nothing else was on the way."""
    own = [file for file in files if not data.in_library(file)]
    return len(own) < len(files) and all(data.is_own([file]) for file in own[-1:])


def _by_rule(table: str, said: str, source: str) -> Optional[str]:
    for rule in data.table("python")[table]:
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
    """The Python whose library has the missing module, name, method, argument or built-in."""
    look_up = _LOOK_UPS.get(raised.kind)
    return look_up(raised) if look_up else None


def _imported(raised: Raised) -> Optional[str]:
    missing, name = _MODULE.match(raised.message), _NAME.match(raised.message)
    if missing:
        return _looked_up("modules", missing[1])
    source = _FROM.match(raised.source)
    module = (name and name[2]) or (source[1] if source else "")
    return _looked_up("names", module, name[1]) if name else None


def _attribute(raised: Raised) -> Optional[str]:
    attribute, method = _ATTRIBUTE.match(raised.message), _METHOD.match(raised.message)
    if attribute:
        return _looked_up("names", attribute[1], attribute[2])
    return _looked_up("methods", method[1], method[2]) if method else None


def _builtin(raised: Raised) -> Optional[str]:
    name = _BUILTIN.match(raised.message)
    return _looked_up("builtins", name[1]) if name else None


def _argument(raised: Raised) -> Optional[str]:
    argument = _ARGUMENT.match(raised.message)
    return _looked_up("arguments", argument[1], argument[2]) if argument else None


_LOOK_UPS: dict[str, Callable[[Raised], Optional[str]]] = {
    "ModuleNotFoundError": _imported,
    "ImportError": _imported,
    "AttributeError": _attribute,
    "NameError": _builtin,
    "TypeError": _argument,
}


def _looked_up(*path: str) -> Optional[str]:
    found: Any = data.table("library")
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
