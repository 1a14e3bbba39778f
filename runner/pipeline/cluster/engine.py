"""A cluster's workers as a maker of environments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

from runner import engines
from runner.engines.base import Progress
from runner.environments import render
from runner.model import Device, Environment, Target
from runner.pipeline.cluster.site import ClusterSite
from runner.pipeline.site import Workers
from runner.pipeline.tasks import Prepare


class ClusterEngine:
    """The workers make the environments, so this machine needs no engine."""

    def __init__(self, workers: Workers, site: ClusterSite) -> None:
        self.name = site.name
        self._workers = workers
        self._site = site

    @property
    def threads(self) -> int:
        """The number of cells that are measured at a time."""
        return sum(machine.threads for machine in list(self._site.machines.values()))

    def refuses(self, target: Target) -> Optional[str]:
        """Why no worker can make it. A GPU must be there when the run
        is planned; the run does not wait."""
        gpus = [machine for machine in list(self._site.machines.values()) if machine.gpu]
        if target.device is Device.CUDA and not gpus:
            return "no worker of the cluster has a GPU (dask worker --resources GPU=1)"
        return render.unavailable(target) or self._site.refuses(target) or None

    def prepare(self, environment: Environment, progress: Progress) -> None:
        """Makes it on the first free worker."""
        # The pool adds the worker that it chose as an argument.
        make: Callable[..., None] = self._site.prepare
        self._site.expect([environment])
        self._workers.prepare.submit(make, Prepare(environment=environment)).result()

    def prepared(self, environment: Environment) -> bool:
        return bool(self._site.readiness(environment))

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        return self._site.machine_keys(environment)

    def image(self, environment: Environment) -> Optional[str]:
        return engines.create(self.name).image(environment)
