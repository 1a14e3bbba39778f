"""Separates the text of `sys.exit(text)` from the message of an exception printed before it.

Python ends with 1 either way and marks neither, and the text stands where a message of many lines
would go on. What tells them apart is what comes before: an exception that was logged, or whose
traceback starts within a function, did not end the program; and some messages are known to be over.
"""

from __future__ import annotations

import re

from runner.cells.signature.raised import Raised
from runner.cells.signature.tails import TAILS

_VERDICT = re.compile(r"(?i:fail(?:s|ed|ure)?|fatal|bug|not ok|broken|regression)\b|ERROR\b|Error:")
"""How a program begins to say that something is wrong; an exception's second line hardly does."""
_NOTE = re.compile(
    r"(?i:while|when|during|in|on|at|for|from|with|by|after|before|see|note|hint|try|set|use|this"
    r"|please|for|context|caused|because|raised|occurred|step|epoch|batch|layer)\b|[(\[{<]"
)
"""How a note (`add_note`, from Python 3.11) begins, which stands there as well."""
_ONE_LINE = frozenset(
    {
        "AttributeError",
        "FileNotFoundError",
        "IndexError",
        "KeyError",
        "ModuleNotFoundError",
        "NameError",
        "StopIteration",
        "UnboundLocalError",
        "ZeroDivisionError",
    }
)
"""Kinds whose messages Python writes itself, on one line."""
_GOES_ON = re.compile(
    r"[:;,(\[{=\\-]\s*$|\b(?:an?|and|are|as|at|be|but|by|for|from|in|is|not|of|on|or|than|that|the|to"
    r"|was|with)\s*$"
)
"""The end of a line whose sentence is not over."""


def exit_text(raised: Raised) -> str:
    """The program's last text, if it survived `raised` and then ended itself; else empty."""
    below = [line for line in raised.message.split("\n")[1:] if line.strip()]
    if not below or below[-1][0].isspace():
        return ""
    last = below[-1]
    if _VERDICT.match(last) and not _is_tail(last):
        return last
    if any(map(_is_tail, below)):
        return ""
    survived = raised.survived or raised.aside
    return last if survived or (_is_whole(raised) and not _NOTE.match(last)) else ""


def without_notes(message: str, source: str) -> str:
    """A message without the lines that `add_note` put below it.

    They look like a message's own second line; but that is no loss where the first one is a whole
    sentence. A `source` that shows a line break shows that the message has several lines.
    """
    first, _, below = message.partition("\n")
    goes_on = not first.strip() or _GOES_ON.search(first) or "\\n" in source
    return message if goes_on or not below[:1].strip() else first


def _is_tail(line: str) -> bool:
    return any(tail.line.match(line) for tail in TAILS)


def _is_whole(raised: Raised) -> bool:
    """Whether the first line is all of the message: Python's own, or as its source has it."""
    first = raised.message.partition("\n")[0]
    said = bool(first) and first in raised.source and "\\n" not in raised.source
    return said or raised.kind in _ONE_LINE
