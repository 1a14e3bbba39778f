"""What a matrix asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from runner.model.cases import Axis
from runner.model.releases import Device
from runner.model.repros import Repro


@frozen(kw_only=True)
class Matrix:
    """matrix.yaml, checked."""

    source: Path
    tf: str
    patches: str = "latest"
    devices: tuple[Device, ...] = (Device.CPU,)
    repros: tuple[Repro, ...] = ()
    images: Mapping[str, str] = field(factory=dict)
    """Python version → base image, with a digest if the user gave one."""
    axes: tuple[Axis, ...] = ()
    """All axes; each case lists only the variants in which it runs."""
