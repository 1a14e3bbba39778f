"""The first questions to a daemon, asked of its socket without the Docker SDK: importing that takes
a third of the time that a run with nothing to measure should take. No answer here means no more
than that the SDK must be asked: it knows contexts, TCP, TLS and SSH, and what is wrong.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote

_DEFAULT = "unix:///var/run/docker.sock"
_PATIENCE = 5.0


def version() -> Optional[dict[str, Any]]:
    """What the daemon says of itself: `Os`, `Arch` …"""
    answer = _get("/version")
    return answer if isinstance(answer, dict) else None


def info() -> Optional[dict[str, Any]]:
    """More of the same, such as `DockerRootDir`; it can take a while with many images."""
    answer = _get("/info")
    return answer if isinstance(answer, dict) else None


def images(label: str) -> list[dict[str, Any]]:
    """The images that have `label`, with their `RepoTags` and `Labels`, as far as it is known."""
    answer = _get(f"/images/json?filters={quote(json.dumps({'label': [label]}))}")
    if isinstance(answer, list) and all(isinstance(image, dict) for image in answer):
        return answer
    return []


def _get(path: str) -> Any:
    place = _socket()
    if place is None:
        return None
    connection = _Connection(place)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return json.loads(response.read()) if response.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _socket() -> Optional[str]:
    """The path of the daemon's socket, where it is certain which one the SDK would choose."""
    host = os.environ.get("DOCKER_HOST") or (_DEFAULT if _has_default_context() else "")
    return host[len("unix://") :] if host.startswith("unix:///") else None


def _has_default_context() -> bool:
    if os.environ.get("DOCKER_CONTEXT", "default") not in ("", "default"):
        return False
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        settings = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("currentContext", "default") == "default"


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)
