"""Makes one line of a message, the same for all messages of a failure.

Numbers in messages usually carry meaning (shapes, values): rules change only the ones they name.
"""

from __future__ import annotations

from functools import lru_cache

from runner.cells.signature.cuts import CUTS
from runner.cells.signature.noise import clean
from runner.cells.signature.spellings import SPELLINGS

LONGEST = 300
"""Characters of a signature: a line of a legend."""
_READ = 4000
"""Characters of a message that are looked at."""
_PASSES = 12
"""How often the rules are applied at most; one pass may allow another."""


@lru_cache(maxsize=1024)  # One failure has a message in each cell.
def normalise(text: str) -> str:
    """One line for a legend, the same for all variants of a message. Accepts any text."""
    line = " ".join(clean(text[:_READ]).split())
    for _ in range(_PASSES):
        before = line
        line = capped(_once(line))
        if line == before:
            break
    return line


def _once(line: str) -> str:
    for rule in (*CUTS, *SPELLINGS):
        line = rule.pattern.sub(rule.replacement, line)
    return " ".join(line.split())


def capped(line: str) -> str:
    """As much of `line` as a legend has room for, whole words."""
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 2]
    at_word = cut.rfind(" ")
    return (cut[:at_word] if at_word > LONGEST // 2 else cut).rstrip() + " …"
