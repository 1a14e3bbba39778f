"""An engine without environments: the agent runs in this very Python. For tests of what is above
the engines, with real processes and without TensorFlow."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Optional

from runner.engines.base import Channel, Phase, Progress, Workspace
from runner.engines.local.pipe import PipeChannel
from runner.errors import PrepareError
from runner.machine.items import Removable
from runner.model import Device, Environment, Limits, Release, Target

AGENT = Path(__file__).parents[2] / "runner" / "agent.py"


def release(version: str) -> Release:
    return Release(
        version=version,
        released=date(2020, 1, 1),
        pythons=("3.10",),
        cpu_requirement=f"tensorflow-cpu=={version}",
    )


def environment(version: str) -> Environment:
    target = Target(release=release(version), device=Device.CPU, python="3.10")
    return Environment(target=target, requirements="", key=f"{hash(version) & 0xFFFFFF:064x}")


class PlainEngine:
    """Notes what was asked of it; can be told to break."""

    name = "plain"

    def __init__(self, *, broken: frozenset[str] = frozenset(), refused: str = "") -> None:
        self.broken, self.refused = broken, refused
        self.made: list[str] = []
        self.dropped: list[str] = []
        self.opened: list[str] = []
        self._lock = threading.Lock()

    def unavailable(self) -> Optional[str]:
        return "it is broken" if "TFMATRIX_TEST_BROKEN" in os.environ else None

    def refuses(self, target: Target) -> Optional[str]:
        return "not on this machine" if target.release.version == self.refused else None

    def prepare(self, environment: Environment, progress: Progress) -> None:
        progress(Phase(what="making"))
        if environment.target.release.version in self.broken:
            raise PrepareError("no space left on device", log="the build's log\n")
        with self._lock:
            self.made.append(environment.id)

    def prepared(self, environment: Environment) -> bool:
        return environment.id in self.made

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        return ("",)

    def image(self, environment: Environment) -> Optional[str]:
        return None

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        with self._lock:
            self.opened.append(environment.id)
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return PipeChannel([sys.executable, str(AGENT)], root=str(workspace.folder), env=variables)

    def disk_size(self, environment: Environment) -> int:
        return 100

    def remove(self, environment: Environment) -> None:
        with self._lock:
            self.dropped.append(environment.id)

    def inventory(self) -> Iterator[Removable]:
        return iter(())


def locked(target: Target, images: object = None) -> Environment:
    """In place of a lock that the package index would have to answer for."""
    packages = f"tensorflow-cpu=={target.release.version}\nsix==1.0\n"
    return Environment(target=target, requirements=packages, key=f"{target.release.version}")
