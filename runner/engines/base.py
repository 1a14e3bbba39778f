"""What an engine is: the seam between planning and the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional, Protocol

from attrs import frozen

from runner.machine.items import Removable
from runner.model import Environment, Limits, Target


@frozen(kw_only=True)
class Phase:
    """Progress of one environment's preparation, for the live display."""

    what: str
    """`waiting`, `resolving`, `downloading`, `installing`, `compiling`, `building` …"""
    detail: str = ""
    bytes_done: Optional[int] = None
    bytes_total: Optional[int] = None


Progress = Callable[[Phase], None]


@frozen(kw_only=True)
class Workspace:
    """What a session of one environment sees of a repro.

    `folder` is a snapshot of the script and the files it needs, never changed while cells run
    (AutoGraph reads sources from disk as it traces); engines show it read-only where they can.
    """

    folder: Path
    script: str
    """The script's path below `folder`."""
    data: Optional[Path] = None
    """A folder that cells find as `~/data`, with what is in its `.keras` in `~/.keras`; or one of
    the name `.keras`, which they find there alone."""
    network: bool = False
    """Whether cells may use the network, where the engine could keep them from it."""
    live: bool = False
    """Whether the files change between cells, for `watch`: agents must see that, not a copy."""


class Channel(Protocol):
    """The two ends of a running agent's standard input and output, line by line."""

    root: str
    """Where the agent sees the workspace's folder."""
    shown: Mapping[str, str]
    """Paths of this machine that scripts can see → what records say instead, longest first."""

    def send(self, line: bytes) -> None:
        """Write one line. Raises `ChannelClosed` when the agent is gone."""
        ...

    def receive(self, timeout: float) -> Optional[bytes]:
        """The next line, or None after `timeout` seconds. Raises `ChannelClosed` at the end."""
        ...

    def damage(self) -> Optional[str]:
        """Why failures in the environment say nothing any more: it is not as it was made.

        None where it is, or where nothing can change it.
        """
        ...

    def close(self) -> None:
        """End the agent and all that it started. Never raises; safe to call twice."""
        ...


class ChannelClosed(Exception):
    """The agent is gone; `str()` says what is known about why (its last words, an OOM kill …)."""

    def __init__(self, why: str, *, oom: bool = False) -> None:
        super().__init__(why)
        self.oom = oom


class Maker(Protocol):
    """Makes environments, perhaps not on this machine. Methods are called from many threads."""

    name: str

    def refuses(self, target: Target) -> Optional[str]:
        """Why `target` cannot be made real here (a `skip` with this reason); None when it can."""
        ...

    def prepare(self, environment: Environment, progress: Progress) -> None:
        """Make `environment` real, at once if it is already. Raises `PrepareError`."""
        ...

    def prepared(self, environment: Environment) -> bool:
        """Whether `prepare` would have nothing to do."""
        ...

    def image(self, environment: Environment) -> Optional[str]:
        """The image's name (docker) or None (local): for the record."""
        ...


class Engine(Maker, Protocol):
    """Makes environments real on this machine, and runs the agent in them."""

    def unavailable(self) -> Optional[str]:
        """Why this engine cannot be used on this machine, with the remedy; None when it can."""
        ...

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        """Start the agent in a prepared environment. Raises `PrepareError`."""
        ...

    def disk_size(self, environment: Environment) -> int:
        """Bytes on disk that dropping the environment would free, as well as can be told."""
        ...

    def remove(self, environment: Environment) -> None:
        """Remove a prepared environment. Never touches anything this tool did not make."""
        ...

    def inventory(self) -> Iterator[Removable]:
        """Everything this engine has made and can remove: environments, images, containers …"""
        ...


class Candidate(Engine, Protocol):
    """An engine that a command can be given."""

    def why_not_made(self, environments: Sequence[Environment]) -> Optional[str]:
        """Why `environments` cannot all be made here, told by one look; None where nothing is known
        to stand in the way."""
        ...

    def repair(self, environments: Sequence[Environment], say: Callable[[str], None]) -> bool:
        """Make what `environments` need besides, where that is possible here; whether it was.

        Raises `TfmatrixError` where it should have been.
        """
        ...
