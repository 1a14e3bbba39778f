"""The owners of containers and volumes: finds and removes those that killed runs left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from docker import APIClient
from docker.errors import APIError

from runner.engines.docker import names
from runner.machine.items import Removable
from runner.machine.process_id import has_ended, process_label

__all__ = ["labels", "leftovers", "orphans", "process_label", "remove_leftovers"]

_OWNER = "tfmatrix.owner"


def labels() -> dict[str, str]:
    """The labels of every container and volume of this process."""
    return {names.OURS: "1", _OWNER: process_label()}


def orphans(api: APIClient) -> Iterator[dict[str, Any]]:
    """Containers of runs that were killed before they could remove them."""
    for container in api.containers(all=True, filters={"label": [names.OURS, _OWNER]}):
        if has_ended(container["Labels"][_OWNER]):
            yield container


def leftovers(api: APIClient) -> Iterator[Removable]:
    """All that killed runs left in the daemon: containers, then the volumes that they used."""
    for container in orphans(api):
        yield Removable(
            kind="container",
            name=container["Id"][:12],
            size=0,
            last_used=float(container["Created"]),
            remove=partial(api.remove_container, container["Id"], force=True, v=True),
        )
    found = api.volumes(filters={"label": [names.OURS, _OWNER]})["Volumes"] or ()
    for name in [one["Name"] for one in found if has_ended(one["Labels"][_OWNER])]:
        remove = partial(api.remove_volume, name)
        yield Removable(kind="volume", name=name[:12], size=0, last_used=0.0, remove=remove)


def remove_leftovers(api: APIClient) -> None:
    """Remove what killed runs left behind. Never raises: the run does not depend on it."""
    with suppress(Exception):
        for each in list(leftovers(api)):
            with suppress(APIError):
                each.remove()
