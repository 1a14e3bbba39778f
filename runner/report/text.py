"""Text from outside (names, messages, logs) made fit to be shown: one line, printable, bounded."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from runner.model import Json

ELLIPSIS = "…"
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# What is no character of a text: controls, directions, lone surrogates, the unassigned.
INVISIBLE = ("Cc", "Cf", "Cs", "Cn", "Co")


def clean(text: str) -> str:
    """One line without anything that a terminal, XML or a browser could take for more than text."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    visible = (_visible(character) for character in ANSI.sub("", text))
    return " ".join("".join(visible).split())


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in INVISIBLE else character


def clip(text: str, most: int) -> str:
    """Cleaned, and at most `most` characters."""
    whole = clean(text[: most * 8])
    return whole if len(whole) <= most else whole[: most - 1].rstrip() + ELLIPSIS


def lines(log: str, most: int = 0, width: int = 400) -> list[str]:
    """The last `most` lines (0: all) of a log as a terminal would have left them, each bounded."""
    kept = log.rstrip().split("\n")[-most:]
    shown = [_line(line)[:width] for line in kept]
    while shown and not shown[0]:
        shown.pop(0)
    return shown


def _line(line: str) -> str:
    """A progress bar overwrites its line: the last writing counts. Tabs become spaces."""
    written = [part for part in line.split("\r") if part]
    plain = ANSI.sub("", written[-1] if written else "").expandtabs(4)
    return "".join(
        "" if unicodedata.category(c) in INVISIBLE else " " if c.isspace() else c for c in plain
    ).rstrip()


def value(observed: Json, most: int = 60) -> str:
    """An observation on one line; numbers with six digits."""
    try:
        return clip(json.dumps(_rounded(observed), ensure_ascii=False), most)
    except (RecursionError, ValueError):
        return "(cannot be shown)"


def _rounded(observed: Json) -> Json:
    if isinstance(observed, float):
        return float(f"{observed:.6g}")
    if isinstance(observed, list):
        return [_rounded(item) for item in observed]
    if isinstance(observed, dict):
        return {key: _rounded(item) for key, item in observed.items()}
    return observed


def listed(items: Sequence[str], most: int = 3, noun: str = "more") -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 5 more`."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} {noun}")
    if len(shown) < 2:
        return "".join(shown)
    return ", ".join(shown[:-1]) + f" and {shown[-1]}"


def count(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
