"""Separates the text of `sys.exit(text)` from the message of an exception printed before it.

Python ends with 1 in both cases and marks neither. The text stands where further lines of a message
would. The lines before it show the difference: an exception that was logged, or whose traceback
starts inside a function, did not end the program; and some messages are known to be complete.
"""

from __future__ import annotations

import re

from runner.cells.signature.raised import Raised
from runner.cells.signature.tails import TAILS

_VERDICT = re.compile(r"(?i:fail(?:s|ed|ure)?|fatal|bug|not ok|broken|regression)\b|ERROR\b|Error:")
"""The start of a text that reports a failure; the second line of a message hardly starts so."""
_NOTE = re.compile(
    r"(?i:while|when|during|in|on|at|for|from|with|by|after|before|see|note|hint|try|set|use|this"
    r"|please|for|context|caused|because|raised|occurred|step|epoch|batch|layer)\b|[(\[{<]"
)
"""The start of a note (`add_note`, from Python 3.11), which stands at the same place."""
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
"""Kinds of exceptions whose messages Python writes itself, on one line."""
_GOES_ON = re.compile(
    r"[:;,(\[{=\\-]\s*$|\b(?:an?|and|are|as|at|be|but|by|for|from|in|is|not|of|on|or|than|that|the|to"
    r"|was|with)\s*$"
)
"""The end of a line whose sentence continues."""


def exit_text(raised: Raised) -> str:
    """The program's last text, if it survived `raised` and then ended itself; else ""."""
    below = [line for line in raised.message.split("\n")[1:] if line.strip()]
    if not below:
        return ""
    last = below[-1]
    verdict = next((n for n, line in enumerate(below) if _VERDICT.match(line)), None)
    if raised.survived and verdict is not None and not any(map(_is_tail, below)):
        return "\n".join(below[verdict:])
    if last[0].isspace():
        return ""
    if _VERDICT.match(last) and not _is_tail(last):
        return last
    if any(map(_is_tail, below)):
        return ""
    survived = raised.survived or raised.aside
    if _is_whole(raised):
        return "\n".join(below) if survived or not _NOTE.match(last) else ""
    return last if survived else ""


def without_notes(message: str, source: str) -> str:
    """A message without the lines that `add_note` put below it.

    These look like further lines of the message. That loses nothing if the first line is a whole
    sentence. If `source` shows a line break, the message has several lines.
    """
    first, _, below = message.partition("\n")
    goes_on = not first.strip() or _GOES_ON.search(first) or "\\n" in source
    return message if goes_on or not below[:1].strip() else first


def _is_tail(line: str) -> bool:
    return any(tail.line.match(line) for tail in TAILS)


def _is_whole(raised: Raised) -> bool:
    """Whether the first line is the whole message: Python wrote it, or the source shows it."""
    first = raised.message.partition("\n")[0]
    said = bool(first) and first in raised.source and "\\n" not in raised.source
    return said or raised.kind in _ONE_LINE
