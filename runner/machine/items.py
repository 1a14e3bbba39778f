"""The record of things that this tool made and can remove: environments, images, runs, caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen


@frozen(kw_only=True)
class Removable:
    """Something that this tool made and can remove."""

    kind: str
    """`environment`, `image`, `container`, `volume`, `run`, `reports` (of a run), `cache`."""
    name: str
    size: int
    """The bytes that its removal frees, if known."""
    last_used: float
    """Seconds since the epoch."""
    remove: Callable[[], None]
    of: str = ""
    """The environment to which it belongs (`2.9.3-py3.10-cpu`); "" if it belongs to none."""


def if_there(describe: Callable[[], Removable]) -> Iterator[Removable]:
    """The thing that `describe` returns; nothing if another process removes it meanwhile."""
    try:
        found = describe()
    except FileNotFoundError:
        return
    yield found
