"""The packaged engine, and the sandbox: an image per environment, a container per agent."""

from __future__ import annotations

import atexit
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Optional

from docker.errors import DockerException
from docker.models.images import Image

from runner.engines import remedies
from runner.engines.base import Channel, Phase, Progress, Workspace
from runner.engines.docker import (
    bases,
    build_log,
    builder,
    containers,
    daemon,
    images,
    names,
    outlook,
    owner,
)
from runner.engines.docker.channel import DockerChannel
from runner.engines.lines import shown_in_cells
from runner.environments import locks, render, sources
from runner.errors import PrepareError
from runner.machine import file_lock, temporary
from runner.machine.items import Removable
from runner.model import Device, Environment, Limits, Target
from runner.requirements import wheels

_CPUS = 4.0
"""Processors that a cell may use: enough for TensorFlow's thread pools to have several threads."""
_MOMENT = 1.0
"""Seconds for which a list of the images is reused: a run asks once for each environment."""


class DockerEngine:
    """Any daemon that speaks Docker's API: local, remote (DOCKER_HOST), Podman's."""

    name = "docker"

    def __init__(self, cpus: float = _CPUS) -> None:
        self._cpus = cpus
        self._channels: weakref.WeakSet[DockerChannel] = weakref.WeakSet()
        self._swept = threading.Event()
        self._registry = threading.Lock()
        self._refused: Optional[PrepareError] = None
        """The error of the first build that a registry refused or did not answer."""
        self._listing = threading.Lock()
        self._listed_at = float("-inf")
        self._listed: frozenset[tuple[str, str]] = frozenset()
        atexit.register(self._close_all)

    def unavailable(self) -> Optional[str]:
        why_not = daemon.why_unreachable()
        if why_not is not None:
            return f"{why_not.reason}; {why_not.remedy}"
        if daemon.version().get("Os") != "linux":
            return "the Docker daemon runs Windows containers; switch it to Linux containers"
        return builder.unavailable()

    def refuses(self, target: Target) -> Optional[str]:
        machine = daemon.version().get("Arch", "amd64")
        if machine not in ("x86_64", "amd64"):
            return f"the Docker daemon's machine is {machine}; TensorFlow's wheels are for x86-64"
        reason = render.unavailable(target)
        if reason is None and target.device is Device.CUDA:
            reason = daemon.why_no_gpu()
        return reason

    def image(self, environment: Environment) -> Optional[str]:
        return names.image(environment)

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        return ("",)  # an image has its own Python

    def prepared(self, environment: Environment) -> bool:
        wanted = (names.image(environment), environment.key)
        return wanted in self._images() or self._find(environment) is not None

    def why_not_made(self, environments: Sequence[Environment]) -> Optional[str]:
        self._sweep()
        obstacle = self._look(environments)
        return None if obstacle is None else obstacle.reason

    def repair(self, environments: Sequence[Environment], say: Callable[[str], None]) -> bool:
        obstacle = self._look(environments)
        if obstacle is None or not obstacle.bases:
            return obstacle is None
        say(f"base images for Python {', '.join(obstacle.bases)} are made here: {obstacle.reason}")
        for python in obstacle.bases:
            bases.make_base(python, render.default_base(python), say)
        return True

    def _look(self, environments: Sequence[Environment]) -> Optional[outlook.Obstacle]:
        try:
            return outlook.find_obstacle([each for each in environments if not self.prepared(each)])
        except DockerException as error:
            return outlook.Obstacle(reason=daemon.explain(error))

    def prepare(self, environment: Environment, progress: Progress) -> None:
        if daemon.hangs():
            raise daemon.daemon_hangs()
        try:
            if self.prepared(environment):
                return
            self._raise_if_known(environment)
            with _alone(environment.key, progress):
                if not self.prepared(environment):
                    self._build(environment, progress)
        except DockerException as error:
            raise _trouble(f"{environment.id} could not be prepared", error) from error
        except PrepareError as error:
            if error.log and outlook.registry_trouble(error.message):
                raise self._refusal(error) from error
            raise

    def _raise_if_known(self, environment: Environment) -> None:
        """A registry that has refused an image is asked for no other. Raises `PrepareError`."""
        with self._registry:
            refused = self._refused
        if refused is not None:
            images = outlook.base_images([environment])
            if any(daemon.find_image(image) is None for image in images):
                raise refused

    def _refusal(self, error: PrepareError) -> PrepareError:
        """The same words for all environments: a run tells them once."""
        with self._registry:
            if self._refused is None:
                cause = build_log.cause(error.log.splitlines())
                self._refused = PrepareError(
                    f"the registry gave no base image, and is not asked again in this run: {cause}",
                    remedy=error.remedy,
                    log=error.log,
                )
            return self._refused

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        if daemon.hangs():
            raise daemon.daemon_hangs()
        image = self._find(environment)
        if image is None:
            raise PrepareError(f"the image of {environment.id} is gone", remedy="run again")
        images.mark_used(environment.key)
        try:
            return self._start(str(image.id), environment.target.device, workspace, limits)
        except DockerException as error:
            raise _trouble(f"no container of {environment.id} could be started", error) from error

    def disk_size(self, environment: Environment) -> int:
        image = self._find(environment)
        return 0 if image is None else images.own_size(image)

    def remove(self, environment: Environment) -> None:
        self._listed_at = float("-inf")
        image = self._find(environment)
        if image is not None:
            images.remove(str(self.image(environment)), image)

    def inventory(self) -> Iterator[Removable]:
        yield from owner.leftovers(daemon.connect().api)
        yield from images.inventory()

    def _sweep(self) -> None:
        """Remove the leftovers of killed runs, once, even if this run starts no container."""
        if not self._swept.is_set():
            self._swept.set()
            owner.remove_leftovers(daemon.connect().api)

    # -- images -----------------------------------------------------------------------------------

    def _images(self) -> frozenset[tuple[str, str]]:
        """(name, key) of our images, from a recent list."""
        with self._listing:
            if time.monotonic() - self._listed_at > _MOMENT:
                self._listed = frozenset(daemon.names_and_keys())
                self._listed_at = time.monotonic()
            return self._listed

    def _find(self, environment: Environment) -> Optional[Image]:
        """The image of `environment`, recognised by its label, since any image can have the tag."""
        image = daemon.find_image(str(self.image(environment)))
        if image is not None and daemon.labels(image).get(names.KEY) == environment.key:
            return image
        return None

    def _build(self, environment: Environment, progress: Progress) -> None:
        with tempfile.TemporaryDirectory(prefix="build-", dir=temporary.process_folder()) as folder:
            context = Path(folder)
            (context / "Dockerfile").write_text(environment.dockerfile, "utf-8")
            lock = locks.without_wheels(environment)
            (context / "requirements.txt").write_text(lock, "utf-8")
            wheels.write_all(environment.target.requirements, context / "local")
            wanted = sources.distributions_in_lock(locks.lock_lines(environment.requirements))
            if wanted:
                from runner.environments import downloads  # not before something is built

                downloads.fetch(wanted, context / "sources")
            builder.build(
                context,
                tag=str(self.image(environment)),
                labels={names.OURS: "1", names.KEY: environment.key},
                progress=progress,
                what=f"the image of {environment.id}",
            )

    # -- containers -------------------------------------------------------------------------------

    def _start(self, image: str, device: Device, workspace: Workspace, limits: Limits) -> Channel:
        api = daemon.connect().api
        cpus = min(self._cpus, float(daemon.daemon_info().get("NCPU", self._cpus)))
        host = containers.host_settings(limits, device, cpus, network=workspace.network)
        container, volumes = containers.create(api, image, workspace, host)
        with containers.removing_on_error(api, container, volumes):
            channel = DockerChannel(
                api,
                container,
                root=containers.ROOT,
                shown=shown_in_cells(containers.SCRATCH),
                closed=partial(containers.remove_volumes, api, volumes),
            )
        self._channels.add(channel)
        return channel

    def _close_all(self) -> None:
        for channel in list(self._channels):
            channel.close()


def _alone(key: str, progress: Progress) -> AbstractContextManager[None]:
    """Wait until no other thread or run of this machine builds the image of `key`."""
    waiting = Phase(what="waiting", detail="another run builds it")
    return file_lock.holding_lock(images.stamp(key), lambda: progress(waiting))


_REMEDIES = {
    "could not select device driver": "install NVIDIA's container toolkit for Docker",
    "no space left": "free disk space: `tfmatrix clean`",
    "network bridge not found": "--network needs a daemon with a bridge: it was started without",
    "No such image": "run again: the image was removed meanwhile",
}


def _trouble(what: str, error: Exception) -> PrepareError:
    said = daemon.explain(error)
    remedy = next((cure for sign, cure in _REMEDIES.items() if sign in said), None)
    remedy = remedy or remedies.remedy(said)
    return PrepareError(f"{what}: {said}", remedy=remedy)
