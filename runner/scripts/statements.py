"""Finds the lines that begin a statement: only there does IPython read `%` or `!`. Pure."""

from __future__ import annotations

import re

from attrs import define

_TOKEN = re.compile(r"""\\.|\"{3}|'{3}|["'#()\[\]{}]""")
_TRIPLE = ('"""', "'''")


@define
class Statements:
    """Reads line after line and tells whether the next line begins a statement.

    It works on texts that Python cannot parse, because lines for IPython are not Python.
    """

    _quote: str = ""
    _depth: int = 0
    _continued: bool = False

    @property
    def at_start(self) -> bool:
        return not (self._quote or self._depth or self._continued)

    def read(self, line: str) -> None:
        single, comment = "", False
        for token in _TOKEN.findall(line):
            if self._quote or single:
                self._quote = "" if token == self._quote else self._quote
                single = "" if token == single else single
            elif token == "#":
                comment = True
                break
            elif token in _TRIPLE:
                self._quote = token
            elif token in ('"', "'"):
                single = token
            elif token in "([{":
                self._depth += 1
            elif token in ")]}":
                self._depth = max(0, self._depth - 1)
        self._continued = line.endswith("\\") and not comment
