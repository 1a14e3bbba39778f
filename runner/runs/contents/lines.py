"""The first line that differs between two texts."""

from __future__ import annotations

from runner.runs.contents.record import Difference, UnreadableError


def of_text(before: bytes, after: bytes) -> Difference:
    """Raises `UnreadableError` if one is no text, and for equal contents."""
    one, other = (text_of(content).split("\n") for content in (before, after))
    for number, (old, new) in enumerate(zip(one, other), 1):
        if old != new:
            return Difference(place=f"line {number}", before=old, after=new)
    if len(one) == len(other):
        raise UnreadableError("the texts are equal")
    return Difference(place="number of lines", before=len(one), after=len(other))


def text_of(content: bytes) -> str:
    """Raises `UnreadableError` if it is no text in UTF-8."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("it is no text") from None
    if "\0" in text:
        raise UnreadableError("it is no text")
    return text
