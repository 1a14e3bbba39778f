"""A TensorFlow release, and what it computes on."""

from __future__ import annotations

import enum
from datetime import date, timedelta
from typing import Optional

from attrs import frozen
from packaging.version import Version

from runner.model.packages import parsed_version, release_series
from runner.model.values import Whole


class Device(str, enum.Enum):
    """What TensorFlow computes on."""

    CPU = "cpu"
    CUDA = "cuda"

    def __str__(self) -> str:
        return self.value


@frozen(kw_only=True)
class Quirk:
    """Something about a release that environments must work around, and why."""

    what: str
    remedy: str


@frozen(kw_only=True)
class Cuda:
    """How a release's CUDA environment is made.

    `base` is the image it starts from, None for the plain Python image; `requirement` is what is
    installed over it. `unavailable` says why no sound CUDA image exists, where none does.
    """

    cuda: str
    cudnn: str
    requirement: str
    base: Optional[str] = None
    python: Optional[str] = None
    unavailable: Optional[str] = None
    capabilities: tuple[str, ...] = ()
    """Compute capabilities that the build was compiled for; () where that is not recorded."""
    wheel_mb: Optional[Whole] = None


@frozen(kw_only=True, cache_hash=True)
class Release:
    """One TensorFlow release and its facts, from docker/releases.yaml."""

    version: str
    released: date
    pythons: tuple[str, ...]
    """Pythons with a wheel for Linux on x86-64, the preferred one first: ("3.10", "3.9", …)."""
    cpu_requirement: str
    """What to install for the CPU: `tensorflow-cpu==2.9.3`."""
    extras: tuple[str, ...] = ()
    """Requirements that belong to the release itself, such as the matching tf_keras."""
    constraints: tuple[str, ...] = ()
    """Caps on dependencies that the era's own metadata forgot."""
    cutoff_days: Whole = 30
    """Packages are resolved as they were this many days after the release."""
    newer: tuple[tuple[str, date], ...] = ()
    """Packages resolved as of a later date than the others."""
    keras: str = ""
    """What tf.keras is: `inside` TensorFlow, or the version of the separate package."""
    image: Optional[str] = None
    """The official CPU image, where there is one."""
    wheel_mb: Optional[Whole] = None
    """Size of the TensorFlow wheel for the CPU, 10^6 bytes."""
    cuda: Optional[Cuda] = None
    quirks: tuple[Quirk, ...] = ()
    yanked: Optional[str] = None

    @property
    def parsed(self) -> Version:
        return parsed_version(self.version)

    @property
    def series(self) -> str:
        return release_series(self.parsed)

    @property
    def as_of(self) -> date:
        """The day as of which its packages are resolved."""
        return self.released + timedelta(days=self.cutoff_days)
