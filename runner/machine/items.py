"""What this tool made and can remove again: environments, images, runs, caches."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen


@frozen(kw_only=True)
class Removable:
    """Something that this tool made and can remove."""

    kind: str
    """`environment`, `image`, `container`, `volume`, `run`, `reports` (of a run), `cache`."""
    name: str
    size: int
    """Bytes that removing it frees, as well as can be told."""
    last_used: float
    """Seconds since the epoch."""
    remove: Callable[[], None]
    of: str = ""
    """The environment that it belongs to, as in `2.9.3-py3.10-cpu`; empty where to none."""
