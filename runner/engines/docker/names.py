"""What is ours in a Docker daemon, and how it is told."""

from __future__ import annotations

from runner.model import Environment

OURS = "tfmatrix"
"""The label that everything this tool makes carries, and that `clean` looks for."""
KEY = "tfmatrix.key"
"""The label of an image that holds its environment's key: a tag can be given to anything."""


def image(environment: Environment) -> str:
    return f"tfmatrix:{environment.id}-{environment.key[:12]}"
