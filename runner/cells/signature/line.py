"""Turns a message into one line that is equal for all messages of the same failure.

Numbers in messages usually carry meaning (shapes, values), so rules change only specific ones.
"""

from __future__ import annotations

from functools import lru_cache

from runner.cells.signature.cuts import CUTS
from runner.cells.signature.noise import clean
from runner.cells.signature.rewordings import REWORDINGS
from runner.cells.signature.spellings import SPELLINGS

LONGEST = 300
"""The longest signature in characters: one line of a legend."""
_READ = 4000
"""At most this many characters of a message are read."""
_PASSES = 12
"""The rules are applied at most this often, because one pass may enable another."""


@lru_cache(maxsize=1024)  # each cell shows the same message
def normalise(text: str) -> str:
    """The message as one line, equal for all its variants. Accepts any text."""
    line = " ".join(clean(text[:_READ]).split())
    for _ in range(_PASSES):
        before = line
        line = capped(_once(line))
        if line == before:
            break
    return line


def _once(line: str) -> str:
    for rule in (*CUTS, *SPELLINGS, *REWORDINGS):
        line = rule.pattern.sub(rule.replacement, line)
    return " ".join(line.split())


def capped(line: str) -> str:
    """The beginning of `line` that fits into a legend, in whole words."""
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 2]
    at_word = cut.rfind(" ")
    return (cut[:at_word] if at_word > LONGEST // 2 else cut).rstrip() + " …"
