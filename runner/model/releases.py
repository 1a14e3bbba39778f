"""A TensorFlow release, and the devices on which it computes."""

from __future__ import annotations

import enum
from datetime import date, timedelta
from typing import Optional

from attrs import frozen
from packaging.version import Version

from runner.model.packages import parsed_version, release_series
from runner.model.values import Whole

NO_TENSORFLOW = "0"
"""In the place of a release's version: the environment has no TensorFlow."""


class Device(str, enum.Enum):
    """The hardware on which TensorFlow computes."""

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

    `base` is the base image, None for the plain Python image. `requirement` is installed in it.
    `unavailable` is the reason if no working CUDA image exists.
    """

    cuda: str
    cudnn: str
    requirement: str
    base: Optional[str] = None
    python: Optional[str] = None
    unavailable: Optional[str] = None
    capabilities: tuple[str, ...] = ()
    """The compute capabilities for which it was compiled; () if they are not recorded."""
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
    """Requirements of the release itself, such as the matching tf_keras."""
    constraints: tuple[str, ...] = ()
    """Upper bounds on dependencies that the packages of that time lack in their metadata."""
    cutoff_days: Whole = 30
    """Packages are resolved as they were this many days after the release."""
    newer: tuple[tuple[str, date], ...] = ()
    """Packages resolved as of a later date than the others."""
    keras: str = ""
    """`inside` if tf.keras is part of TensorFlow, else the version of the separate package."""
    image: Optional[str] = None
    """The official CPU image, if there is one."""
    wheel_mb: Optional[Whole] = None
    """Size of the TensorFlow wheel for the CPU, 10^6 bytes."""
    cuda: Optional[Cuda] = None
    quirks: tuple[Quirk, ...] = ()
    yanked: Optional[str] = None

    @property
    def absent(self) -> bool:
        """Whether its environments have no TensorFlow. It then says only which Pythons there are
        and the first day as of which packages are resolved."""
        return self.version == NO_TENSORFLOW

    @property
    def spec(self) -> str:
        """The value of `--tf` that selects it."""
        return "none" if self.absent else self.version

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
