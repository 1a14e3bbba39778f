"""Loaded into a cluster's workers by `dask worker --preload`: makes an engine known there that
needs no TensorFlow, and can be told by variables and files what goes wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from runner import engines, paths
from runner.engines.base import Channel, Progress, Workspace
from runner.errors import PrepareError
from runner.model import Environment, Limits, Target
from runner.pipeline.cluster import worker_state
from tests.engines.plain import PlainEngine


class WorkersEngine(PlainEngine):
    """What is made is remembered in the worker's cache, as an environment is."""

    def unavailable(self) -> Optional[str]:
        broken = (paths.cache() / "broken").exists()
        return "it is broken" if broken or "TFMATRIX_TEST_BROKEN" in os.environ else None

    def refuses(self, target: Target) -> Optional[str]:
        return "no such Python here" if target.release.version in _told("REFUSES") else None

    def prepare(self, environment: Environment, progress: Progress) -> None:
        super().prepare(environment, progress)
        if environment.target.release.version in _told("CANNOT"):
            raise PrepareError("the index does not answer", log="the build's log\n")
        if not self.prepared(environment):
            time.sleep(float(os.environ.get("TFMATRIX_TEST_SECONDS", "0")))
        self._mark(environment).mkdir(parents=True, exist_ok=True)

    def prepared(self, environment: Environment) -> bool:
        return self._mark(environment).exists()

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        return (os.environ.get("TFMATRIX_TEST_MACHINE", ""),)

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        wrong = self.unavailable()
        if wrong is not None:
            raise PrepareError(wrong)
        return super().start_agent(environment, workspace, limits)

    def _mark(self, environment: Environment) -> Path:
        return paths.cache() / "made" / environment.target.release.version


def _told(what: str) -> list[str]:
    return os.environ.get(f"TFMATRIX_TEST_{what}", "").split(",")


engines.ENGINES["plain"] = "tests.engines.plain_worker:WorkersEngine"
if "TFMATRIX_TEST_IDLE" in os.environ:
    worker_state.IDLE = worker_state.LOOK = float(os.environ["TFMATRIX_TEST_IDLE"])
