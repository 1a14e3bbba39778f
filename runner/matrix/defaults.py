"""defaults.yaml: the settings that matrix.yaml and the command line do not set."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from attrs import frozen

from runner.machine.derived_cache import cached_yaml
from runner.model import Device, Limits

DEFAULT_CASE = "default"
MOST_BYTES = 1024 * 1024
"""The largest matrix.yaml."""


@frozen(kw_only=True)
class Defaults:
    """defaults.yaml."""

    tf: str
    patches: str
    devices: tuple[Device, ...]
    limits: Limits


@functools.lru_cache(maxsize=1)
def defaults() -> Defaults:
    data: dict[str, Any] = cached_yaml(Path(__file__).parent / "defaults.yaml")
    return Defaults(
        tf=data["tf"],
        patches=data["patches"],
        devices=tuple(Device(device) for device in data["devices"]),
        limits=Limits(**data["limits"]),
    )
