"""The interface of engines, between planning and the machine."""

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
    """The files of a repro, as a session of one environment gets them.

    `folder` is a snapshot of the script and the files it needs. It never changes while cells run,
    because AutoGraph reads sources as it traces. Engines mount it read-only where they can.
    """

    folder: Path
    script: str
    """The script's name in its home."""
    place: str = ""
    """Where that home lies below `folder`; "" if it is `folder`. One agent then serves several."""
    data: Optional[Path] = None
    """A folder that cells find as `~/data`; they find its `.keras` as `~/.keras`. If the folder
    itself is named `.keras`, they find it only there."""
    network: bool = False
    """Whether cells may use the network, if the engine can switch it off."""
    live: bool = False
    """Whether the files change between cells (`watch`): agents then need the folder, not a copy."""

    @property
    def home(self) -> Path:
        """The folder of the script, of which each cell gets a copy."""
        return self.folder / self.place


class Channel(Protocol):
    """The two ends of a running agent's standard input and output, line by line."""

    root: str
    """Where the agent sees the workspace's folder."""
    shown: Mapping[str, str]
    """Paths of this machine that scripts can see → their names in records, longest first."""
    warm: bool
    """Whether the agent has imported TensorFlow for an earlier command."""

    def send(self, line: bytes) -> None:
        """Write one line. Raises `ChannelClosed` if the agent has ended."""
        ...

    def receive(self, timeout: float) -> Optional[bytes]:
        """The next line, or None after `timeout` seconds. Raises `ChannelClosed` at the end."""
        ...

    def damage(self) -> Optional[str]:
        """Why failures in the environment are no evidence any more: it has been changed.

        None if it is as it was made, or if nothing can change it.
        """
        ...

    def close(self) -> None:
        """End the agent and all that it started. Never raises; safe to call twice."""
        ...


class ChannelClosed(Exception):
    """The agent has ended; `str()` tells what is known of the cause (its last words, an OOM kill
    …)."""

    def __init__(self, why: str, *, oom: bool = False) -> None:
        super().__init__(why)
        self.oom = oom


class Maker(Protocol):
    """Makes environments, here or on other machines. Its methods are called from many threads."""

    name: str

    def refuses(self, target: Target) -> Optional[str]:
        """Why `target` cannot be made here (a `skip` with this reason); None if it can."""
        ...

    def prepare(self, environment: Environment, progress: Progress) -> None:
        """Make `environment`; returns at once if it exists. Raises `PrepareError`."""
        ...

    def prepared(self, environment: Environment) -> bool:
        """Whether it exists, so that `prepare` has nothing to do."""
        ...

    def image(self, environment: Environment) -> Optional[str]:
        """The image's name (docker) or None (local): for the record."""
        ...

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        """What a machine has that can change an outcome and is no part of the environment: one
        entry for each kind of machine that may measure its cells."""
        ...


class Engine(Maker, Protocol):
    """Makes environments on this machine, and runs the agent in them."""

    def unavailable(self) -> Optional[str]:
        """Why this engine cannot be used on this machine, with the remedy; None when it can."""
        ...

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        """Start the agent in a prepared environment. Raises `PrepareError`."""
        ...

    def disk_size(self, environment: Environment) -> int:
        """Bytes on disk that removing the environment would free, as far as known."""
        ...

    def remove(self, environment: Environment) -> None:
        """Remove a prepared environment. Never touches files that this tool did not make."""
        ...

    def inventory(self) -> Iterator[Removable]:
        """Everything that this engine has made and can remove: environments, images, containers
        …"""
        ...


class Candidate(Engine, Protocol):
    """An engine that a command can use."""

    def why_not_made(self, environments: Sequence[Environment]) -> Optional[str]:
        """Why `environments` cannot all be made here, from a quick check; None if nothing speaks
        against it."""
        ...

    def repair(self, environments: Sequence[Environment], say: Callable[[str], None]) -> bool:
        """Make what `environments` lack (base images, say). Returns False if that is not possible
        here.

        Raises `TfmatrixError` if it is possible but failed.
        """
        ...
