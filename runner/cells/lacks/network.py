"""Finds data that a script wanted from the network. Containers
have no network, and elsewhere it may fail."""

from __future__ import annotations

from typing import Optional

from runner.cells.lacks import data
from runner.cells.signature import Raised

_LONGEST = 60
_REMEDY = "--data auto, or tfmatrix fetch, or --data DIR"
"""The first two work for what Keras or the script names; everything else must be in a folder."""


def find_need(raised: Raised) -> Optional[str]:
    """The unreachable address, and what to do instead."""
    return find_need_in(f"{raised.kind}: {raised.message}", raised.message)


def find_need_in(said: str, shown: str = "") -> Optional[str]:
    """The same for a text. If it names no address, the first line of `shown` is used."""
    text = " ".join(said[:4000].split())
    for pattern in data.patterns("packages", "network") if _may_be(text) else ():
        found = pattern.search(text)
        if found:
            what = next(filter(None, found.groups()), "") or (shown or said).split("\n", 1)[0]
            return describe_need(what)
    return None


def describe_need(what: str) -> str:
    """The reason, with what could not be reached."""
    return f"needs data from the network: {_REMEDY} ({_clipped(what)})"


_WORDS = (
    *("URL", "http", "HTTP", "host", "network", "Network", "Errno", "libcurl", "connect", "resol"),
    *("gaierror", "Connect", "Offline", "LocalEntry", "NLTK"),
)


def _may_be(text: str) -> bool:
    """A quick check; most failures do not pass it."""
    return any(word in text for word in _WORDS)


def _clipped(what: str) -> str:
    what = " ".join(what.split())
    return what if len(what) <= _LONGEST else f"{what[: _LONGEST - 1]}…"
