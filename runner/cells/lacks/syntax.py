"""Finds a syntax error that no Python of a run can read, before anything is made or measured."""

from __future__ import annotations

import codecs
import re
import sys
import warnings
from _ast import PyCF_ONLY_AST  # the module `ast` takes longer to import
from collections.abc import Iterable
from typing import Optional

from runner.cells.lacks import python

HERE = sys.version_info[:2]
_SHOWN = 80
_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+")
_OUTSIDE = re.compile(r"'(return|yield|break|continue)' (outside|not properly in) (function|loop)$")
"""What every Python refuses of what it can parse; the rest has changed from one to the next."""


def find_error(source: bytes, pythons: Iterable[str]) -> Optional[SyntaxError]:
    """The syntax error in a script; None if one of the `pythons` (`3.10`) may read it.

    This Python judges for those that are not newer than itself. What a newer one or Python 2 reads,
    as far as `python.yaml` tells, is left to the run, which says which Python the script needs.
    """
    error = _error_here(source)
    if error is None or any(_version(one) > HERE for one in pythons):
        return None
    wanted = python.needed_for_syntax(error.msg, (error.text or "").strip())
    is_met = wanted is None or (wanted[0].isdigit() and _version(wanted) <= HERE)
    return error if is_met else None


def describe(error: SyntaxError) -> str:
    """`SyntaxError: invalid syntax: def (`"""
    line = (error.text or "").strip()[:_SHOWN]
    return ": ".join(filter(None, (type(error).__name__, error.msg, line)))


def _error_here(source: bytes) -> Optional[SyntaxError]:
    return _undecodable(source) or _compile_error(source)


def _undecodable(source: bytes) -> Optional[SyntaxError]:
    """The error for a script that is not UTF-8 and names no other encoding.

    `compile` overlooks it in a comment, and tells neither the line nor the remedy.
    """
    try:
        source.decode("utf-8")
    except UnicodeDecodeError as error:
        if any(_CODING.match(line) for line in source.split(b"\n", 2)[:2]):
            return None
        if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return SyntaxError("the file is UTF-16: save it as UTF-8", ("", 1, None, None))
        said = f"byte 0x{source[error.start]:02x} {python.NOT_UTF_8}"
        return SyntaxError(said, ("", source.count(b"\n", 0, error.start) + 1, None, None))
    return None


def _compile_error(source: bytes) -> Optional[SyntaxError]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for flags in (PyCF_ONLY_AST, 0):  # what cannot be parsed, then what cannot be compiled
            try:
                compile(source, "script", "exec", flags, dont_inherit=True)
            except SyntaxError as error:
                return error if flags or _OUTSIDE.match(error.msg) else None
            except (ValueError, RecursionError, MemoryError):
                return None
    return None


def _version(python_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in python_version.split(".")[:2])
