"""Whose containers and volumes are: what a run left behind that was killed is found and removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from docker import APIClient
from docker.errors import APIError

from runner.engines.docker import names
from runner.machine.process_id import has_ended, process_label

__all__ = ["labels", "orphans", "process_label", "sweep"]

_OWNER = "tfmatrix.owner"


def labels() -> dict[str, str]:
    """What every container and volume of this process carries."""
    return {names.OURS: "1", _OWNER: process_label()}


def orphans(api: APIClient) -> Iterator[dict[str, Any]]:
    """Containers of runs that were killed before they could remove them."""
    for container in api.containers(all=True, filters={"label": [names.OURS, _OWNER]}):
        if has_ended(container["Labels"][_OWNER]):
            yield container


def sweep(api: APIClient) -> None:
    """Remove what dead runs left behind. Never raises: it is a courtesy."""
    with suppress(Exception):
        for container in list(orphans(api)):
            with suppress(APIError):
                api.remove_container(container["Id"], force=True, v=True)
        found = api.volumes(filters={"label": [names.OURS, _OWNER]})["Volumes"] or []
        for volume in found:
            if has_ended(volume["Labels"][_OWNER]):
                with suppress(APIError):
                    api.remove_volume(volume["Name"])
