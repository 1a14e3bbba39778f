"""The Docker engine as it is first met. What every run asks (is there a daemon, which images does
it have) is answered without the Docker SDK; all else, and whatever is in doubt, by `DockerEngine`,
which is made when it is needed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

from runner.engines.base import Channel, Progress, Workspace
from runner.engines.docker import cli, names, socket
from runner.machine.items import Item
from runner.model import Device, Environment, Limits, Target

if TYPE_CHECKING:
    from runner.engines.docker.engine import DockerEngine

_A_MOMENT = 1.0
"""Seconds for which one listing of the images answers."""


class DockerFirst:
    """An `Engine`, for any daemon that `DockerEngine` knows."""

    name = "docker"

    def __init__(self, *, apart: bool = False) -> None:
        """`apart`: keep no wheels for other environments."""
        self._apart = apart
        self._lock = threading.Lock()
        self._engine: Optional[DockerEngine] = None
        self._listed = float("-inf")
        self._images: frozenset[tuple[str, str]] = frozenset()
        self._version: Optional[dict[str, Any]] = None

    @property
    def whole(self) -> DockerEngine:
        """The engine itself, with the SDK."""
        with self._lock:
            if self._engine is None:
                from runner.engines.docker.engine import DockerEngine

                self._engine = DockerEngine(apart=self._apart)
            return self._engine

    def unavailable(self) -> Optional[str]:
        self._version = socket.version()
        if self._says("Os", "linux") and cli.client() is not None:
            return None
        return self.whole.unavailable()

    def refuses(self, target: Target) -> Optional[str]:
        if target.device is Device.CPU and self._says("Arch", "amd64"):
            return None
        return self.whole.refuses(target)

    def image(self, environment: Environment) -> Optional[str]:
        return names.image(environment)

    def prepared(self, environment: Environment) -> bool:
        wanted = (names.image(environment), environment.key)
        return wanted in self._listing() or self.whole.prepared(environment)

    def prepare(self, environment: Environment, progress: Progress) -> None:
        self.whole.prepare(environment, progress)

    def open(self, environment: Environment, workspace: Workspace, limits: Limits) -> Channel:
        return self.whole.open(environment, workspace, limits)

    def size(self, environment: Environment) -> int:
        return self.whole.size(environment)

    def drop(self, environment: Environment) -> None:
        self._listed = float("-inf")
        self.whole.drop(environment)

    def inventory(self) -> Iterator[Item]:
        return self.whole.inventory()

    def _says(self, name: str, value: str) -> bool:
        return self._version is not None and self._version.get(name) == value

    def _listing(self) -> frozenset[tuple[str, str]]:
        """(name, key) of our images; one answer serves all questions of a moment."""
        with self._lock:
            if time.monotonic() - self._listed > _A_MOMENT:
                self._images = frozenset(_named(socket.images(names.OURS)))
                self._listed = time.monotonic()
            return self._images


def _named(images: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for image in images:
        for name in image.get("RepoTags") or ():
            yield name, (image.get("Labels") or {}).get(names.KEY, "")
