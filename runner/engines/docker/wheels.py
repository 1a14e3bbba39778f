"""Wheels that are kept on this machine, for image builds."""

from __future__ import annotations

import socket
from collections.abc import Callable

from runner.engines.base import Progress, downloading
from runner.engines.docker import daemon
from runner.environments import wheels
from runner.errors import PrepareError
from runner.model import Environment


def with_wheels(environment: Environment, progress: Progress, build: Callable[..., None]) -> None:
    """Have `build` take what it can from the wheelhouse, which is filled for it first.

    What it cannot use, as where a file has been damaged, it fetches itself. Raises `PrepareError`.
    """
    house = wheels.here() if _sees_this_machine() else None
    if house is None:
        return build()

    from runner.environments.wheels import serve  # not before something is built

    python = environment.target.python
    try:
        lines = house.fetch(environment.requirements, python, downloading(progress))
        server = serve.serving(house) if lines else None
    except OSError:  # no folder to write to, no port
        server = None
    if server is None:
        return build()
    try:
        build(more=server.settings())
    except PrepareError as error:
        if server.address not in (error.log or ""):
            raise
        house.doubt(environment.requirements, python)
        build()


def _sees_this_machine() -> bool:
    """Whether a build on the daemon's own network finds servers of this machine's loopback.

    It does not in a virtual machine, as Docker Desktop's, on another host, or in a rootless daemon,
    which has a network of its own; nor where this tool is in a container and the daemon is not.
    """
    info = daemon.info()
    if any("rootless" in option for option in info.get("SecurityOptions") or ()):
        return False
    return bool(info.get("Name") == socket.gethostname())
