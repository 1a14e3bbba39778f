"""How we recognise what is ours in a Docker daemon."""

from __future__ import annotations

from runner.model import Environment

OURS = "tfmatrix"
"""The label of everything that this tool makes; `clean` looks for it."""
KEY = "tfmatrix.key"
"""The label with the key of an image's environment; a tag proves nothing, for any image can have
it."""


def image(environment: Environment) -> str:
    return f"tfmatrix:{environment.id}-{environment.key[:12]}"
