"""Rewrites code between one or two backticks as the fence that the author meant. Pure.

Markdown reads it as text in a paragraph: lines run together, and an empty line ends it.
"""

from __future__ import annotations

import re
from typing import Optional

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_OPENS = re.compile(r"([ \t]*)(`{1,2})(?!`)([^`]*)$")
_CLOSES = re.compile(r"([^`]*)(`{1,2})[ \t]*$")
MOST_LINES = 5_000
"""The longest piece of code; GitHub's texts are not longer."""


def with_fences(text: str) -> tuple[str, list[int]]:
    """`text` with such code in fences, and for each new line the number of its line in `text`."""
    lines = text.split("\n")
    fence, at = "", 0
    while at < len(lines):
        found = _FENCE.match(lines[at])
        opened = _OPENS.match(lines[at])
        if found and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
        elif not fence and opened and not found:
            end = _end(lines, at + 1, opened[2])
            if end is not None:
                _fence(lines, at, end, opened)
                at = end
        at += 1
    origins = [at for at, line in enumerate(lines, 1) for _ in range(line.count("\n") + 1)]
    return "\n".join(lines), origins


def _end(lines: list[str], start: int, ticks: str) -> Optional[int]:
    """The line that closes the code that opens above `start`; None if a line with other ticks
    comes first."""
    for at in range(start, min(len(lines), start + MOST_LINES)):
        closed = _CLOSES.match(lines[at])
        if closed:
            return at if closed[2] == ticks else None
        if "`" in lines[at]:
            return None
    return None


def _fence(lines: list[str], first: int, last: int, opened: re.Match[str]) -> None:
    """Turn the ticks into fences; code on the lines of the ticks moves to its own lines."""
    code, closing = opened[3], _CLOSES.match(lines[last])
    before = closing[1] if closing else ""
    alone = re.fullmatch(r"\s*\w*\s*", code) and len(code.split()) <= 1
    lines[first] = f"```{code.strip()}" if alone else f"```\n{code}"
    lines[last] = "```" if not before.strip() else f"{before}\n```"
