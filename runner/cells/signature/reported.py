"""Finds the failure that an issue reports, as a signature. Pure."""

from __future__ import annotations

import re
from typing import Optional

from runner.cells.signature import exception_signature, normalise

_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
_PROMPTS = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_HEADLINE = re.compile(r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt)(?:: .*)?$")
_CRASHES = (
    (re.compile(r"\bSegmentation fault|\bSIGSEGV\b"), "SIGSEGV"),
    (re.compile(r"\bIllegal instruction \(core|\bSIGILL\b"), "SIGILL"),
    (re.compile(r"\bAborted \(core dumped\)|\bSIGABRT\b"), "SIGABRT"),
    (re.compile(r"\bFloating point exception \(core|\bSIGFPE\b"), "SIGFPE"),
)
LEAST = 24
"""This many characters must agree if one of two signatures is cut."""
MOST = 200_000
"""At most this many characters are read."""


def reported_failure(text: str) -> str:
    """The signature of the first traceback in a Markdown text, else the signal that the text names.

    Empty if it has neither.
    """
    text = _PROMPTS.sub("", text[:MOST].replace("\r\n", "\n"))
    for found in _TRACEBACK.finditer(text):
        line = _raised(text[found.start() :])
        if line:
            return line
    return next((name for pattern, name in _CRASHES if pattern.search(text)), "")


def _raised(text: str) -> Optional[str]:
    """The signature of the traceback at the start of `text`: Python's, or as IPython prints it."""
    block = re.split(r"^[ \t]*(?:`{3,}|~{3,}|</details>|</pre>)", text, maxsplit=1, flags=re.M)[0]
    plain = exception_signature(block)
    if plain:
        return plain
    lines = (line.strip() for line in block.split("\n")[1:])
    last = [line for line in lines if _HEADLINE.match(line)]
    return normalise(last[-1]) if last else None


def is_reported(reported: str, found: str) -> bool:
    """Whether a measured signature is the one in the issue.

    People shorten and retype what they paste, so the beginning must suffice.
    """
    if not reported or not found:
        return False
    if reported.startswith("SIG"):
        return found.split(":")[0] == reported.split(":")[0]
    if reported == found:
        return True
    short, long = sorted((reported.rstrip(" …."), found.rstrip(" ….")), key=len)
    return len(short) >= LEAST and long.startswith(short)
