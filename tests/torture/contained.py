"""The Docker engine's part: images that are made at once, and what is left of their containers."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve
from docker.errors import NotFound

from runner.engines.base import Channel, Phase, Workspace
from runner.engines.docker import daemon, owner
from runner.engines.docker.engine import DockerEngine
from runner.environments import render
from runner.model import Environment, Limits
from tests.engines import plain


class WatchedEngine(DockerEngine):
    """The Docker engine; knows afterwards which containers there were."""

    def __init__(self) -> None:
        super().__init__()
        self.containers: set[str] = set()

    def start_agent(
        self, environment: Environment, workspace: Workspace, limits: Limits
    ) -> Channel:
        channel = super().start_agent(environment, workspace, limits)
        label = f"tfmatrix.owner={owner.process_label()}"
        found = daemon.connect().api.containers(all=True, filters={"label": label})
        self.containers |= {container["Id"] for container in found}
        return channel

    def left(self) -> Iterator[str]:
        """Whatever the host still shows of the containers: themselves, processes, mounts, files."""
        api = daemon.connect().api
        for container in self.containers:
            with contextlib.suppress(NotFound):
                yield f"container {api.inspect_container(container)['Id']}"
            yield from (f"process {pid}" for pid in _in_group(container))
            yield from (f"mount {line}" for line in _mounts() if container in line)
            folder = Path("/var/lib/docker/containers", container)
            if os.access(folder.parent, os.R_OK) and folder.exists():
                yield str(folder)
        volumes = api.volumes(filters={"label": f"tfmatrix.owner={owner.process_label()}"})
        yield from (f"volume {volume['Name']}" for volume in volumes["Volumes"] or [])


def _in_group(container: str) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if container in path.read_text("utf-8"):
                yield path.parent.name
        except OSError:
            pass


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text("utf-8").splitlines()


TENSORFLOW = """FROM {base}
RUN folder=$(python3 -c "import site; print(site.getsitepackages()[0])")/tensorflow && \\
    mkdir "$folder" && echo "WORD = 'whole'" > "$folder/__init__.py"
LABEL torture={version}
"""


def image_of(version: str) -> Environment:
    text = TENSORFLOW.format(base=render.default_base("3.10"), version=version)
    key = hashlib.sha256(text.encode()).hexdigest()
    return evolve(plain.environment(version), key=key, dockerfile=text)


def silent(_: Phase) -> None:
    pass
