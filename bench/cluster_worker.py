"""Loaded into Dask's workers: an engine that makes nothing, and cells that take no time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from runner import engines
from runner.engines.base import Channel, Progress, Workspace
from runner.errors import PrepareError
from runner.machine.items import Removable
from runner.model import Environment, Execution, Limits, Target
from runner.pipeline.local_site import LocalSite
from runner.pipeline.tasks import Measure


class Stub:
    name = "stub"

    def unavailable(self) -> Optional[str]:
        return None

    def refuses(self, target: Target) -> Optional[str]:
        return None

    def prepare(self, environment: Environment, progress: Progress) -> None:
        pass

    def prepared(self, environment: Environment) -> bool:
        return False

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        return ("",)

    def image(self, environment: Environment) -> Optional[str]:
        return None

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        raise PrepareError("nothing can be started in what was never made")

    def disk_size(self, environment: Environment) -> int:
        return 0

    def remove(self, environment: Environment) -> None:
        pass

    def inventory(self) -> Iterator[Removable]:
        return iter(())


def measure(self: LocalSite, task: Measure) -> Execution:  # noqa: ARG001
    return Execution(exit_code=0, seconds=0.0, max_rss_mb=1.0, output="simulated\n")


engines.ENGINES["stub"] = f"{__name__}:Stub"
LocalSite.measure = measure  # type: ignore[method-assign]
