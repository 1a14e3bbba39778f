"""Whose containers and volumes are: what a run left behind that was killed is found and removed."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import psutil
from docker import APIClient
from docker.errors import APIError

from runner.engines import docker_client

_OWNER = "tfmatrix.owner"


def labels() -> dict[str, str]:
    """What every container and volume of this process carries."""
    return {docker_client.OURS: "1", _OWNER: owner()}


@lru_cache(maxsize=1)
def owner() -> str:
    """This process, so that another can tell whether it still lives: start, pid, host."""
    return f"{psutil.Process().create_time():.2f} {os.getpid()} {platform.node()}"


def orphaned(label: str) -> bool:
    """Whether the process that `owner` described so is known to be gone."""
    started, pid, host = (*label.split(" ", 2), "", "")[:3]
    if host != platform.node() or not pid.isdigit():
        return False  # a run of another machine: nobody here can tell
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != started
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def orphans(api: APIClient) -> Iterator[dict[str, Any]]:
    """Containers of runs that were killed before they could remove them."""
    for container in api.containers(all=True, filters={"label": [docker_client.OURS, _OWNER]}):
        if orphaned(container["Labels"][_OWNER]):
            yield container


def sweep(api: APIClient) -> None:
    """Remove what dead runs left behind. Never raises: it is a courtesy."""
    with suppress(Exception):
        for container in list(orphans(api)):
            with suppress(APIError):
                api.remove_container(container["Id"], force=True, v=True)
        found = api.volumes(filters={"label": [docker_client.OURS, _OWNER]})["Volumes"] or []
        for volume in found:
            if orphaned(volume["Labels"][_OWNER]):
                with suppress(APIError):
                    api.remove_volume(volume["Name"])
