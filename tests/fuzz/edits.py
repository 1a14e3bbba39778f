"""Bytes → a document that is wrong in a few places: how a fuzzer gets past the first brace."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Union

Place = tuple[Union[dict[str, Any], list[Any]], Union[str, int]]

ODD: tuple[Any, ...] = (
    *(None, True, False, "", " ", 0, -1, 1.5, 2**63, 2**64, 10**4000, 1e308, float("nan"), -0.0),
    *(float("inf"), [], {}, [[]], {"": {}}, "\x00", "\ud800", "\u2028", "\x1b[2J", "\u202e", "NaN"),
    *("../../../../etc/passwd", "/etc/passwd", "a/../..", "..", ".", "x" * 5000, "1" * 5000),
    *("</script>", "]]>", "<!--", "|", "`", "&#0;", "\n", "\r\n", "%s%n", "{version}", "@a #1"),
    *("pass", "fail", "error", "skip", "timeout", "cpu", "cuda", "2.9.3", "2.10", "nonsense"),
    *("2.9.3.post1", "2.9.3+cpu", "1!2.0", "v2", "9" * 400 + ".0", ["a", 1], {"a": [1]}),
)


def edited(document: Any, data: bytes) -> Any:
    """A copy of `document` with one edit for every three bytes of `data`.

    The first two bytes of an edit say where; the third says what is put there: an odd value, a
    number of the fuzzer's own bytes as a text, a copy of another part, or nothing at all.
    """
    whole = copy.deepcopy(document)
    for at in range(0, len(data) - 2, 3):
        places = list(_places(whole))
        if not places:
            break
        holder, key = places[(data[at] << 8 | data[at + 1]) % len(places)]
        _put(holder, key, data[at + 2], data[at + 3 :], places)
    return whole


def _put(holder: Any, key: Any, what: int, rest: bytes, places: list[Place]) -> None:
    if what < len(ODD):
        holder[key] = copy.deepcopy(ODD[what])
    elif what < 90:
        del holder[key]
    elif what < 110:
        other, name = places[what * 7 % len(places)]
        holder[key] = copy.deepcopy(_get(other, name))
    else:
        holder[key] = rest[: what - 100].decode("utf-8", "surrogateescape")


def _get(holder: Any, key: Any) -> Any:
    return holder[key]


def _places(document: Any) -> Iterator[Place]:
    """Every key and index of `document`, outermost first."""
    keys: Any = ()
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = range(len(document))
    for key in keys:
        yield document, key
    for key in keys:
        yield from _places(document[key])
