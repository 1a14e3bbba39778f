"""A release on a device with one Python, before and after its packages are locked."""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property

from attrs import frozen

from runner.model.packages import pinned_packages
from runner.model.releases import Device, Release


@frozen(kw_only=True, cache_hash=True)
class Resolution:
    """How a user's packages are resolved, if it differs from the usual way."""

    constraints: tuple[str, ...] = ()
    """Bounds on packages that something requires; they add no packages."""
    forced: tuple[str, ...] = ()
    """Installed whatever TensorFlow and the other packages require."""
    relax: bool = False
    """Take the nearest version if a pinned one cannot be installed."""
    as_of: str = ""
    """The day as of which all packages are resolved, ISO 8601; "" means the release's own."""
    later: str = ""
    """As `as_of`, if the release's own day is earlier; the release's caps stay valid."""


USUAL_RESOLUTION = Resolution()

_LONGEST_OWN = 40
"""The most characters of a user's packages in an environment's name."""


@frozen(kw_only=True, slots=False, cache_hash=True)
class Target:
    """A release on a device with one Python, before its packages are locked."""

    release: Release
    device: Device
    python: str
    requirements: tuple[str, ...] = ()
    """The user's own packages, in addition to the release's or instead of them."""
    resolution: Resolution = USUAL_RESOLUTION

    @property
    def usual(self) -> bool:
        """Whether its packages are only those of the release, as in the catalogue."""
        return not self.requirements and self.resolution == USUAL_RESOLUTION

    @property
    def as_of(self) -> date:
        """The day as of which its packages are resolved."""
        if self.resolution.as_of:
            return date.fromisoformat(self.resolution.as_of)
        own, later = self.release.as_of, self.resolution.later
        return max(own, date.fromisoformat(later)) if later else own

    @cached_property
    def label(self) -> str:
        """A readable name: `2.9.3-py3.10-cpu`, `2.9.3-py3.10-cpu-numpy-1.23.5`."""
        release = "no-tensorflow" if self.release.absent else self.release.version
        plain = f"{release}-py{self.python}-{self.device}"
        asked, day = self.resolution.forced, self.resolution.as_of
        mine = (requirement.partition(" @ ")[0] for requirement in self.requirements)
        words = (*asked, *mine, *((f"as-of-{day}",) if day else ()))
        own = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words))
        return "-".join(filter(None, (plain, own[:_LONGEST_OWN].strip("-."))))


@frozen(kw_only=True)
class Environment:
    """A target with its locked packages. Two environments are equal if their keys are."""

    target: Target
    requirements: str
    """The lock: requirements.txt text with hashes."""
    key: str
    """The hex digest of everything that can change what a script observes in it."""
    dockerfile: str = ""

    @property
    def id(self) -> str:
        """A readable name, unique within a run: `2.9.3-py3.10-cpu`."""
        label = self.target.label
        return label if self.target.usual else f"{label}-{self.key[:8]}"

    @property
    def packages(self) -> tuple[str, ...]:
        """`name==version` of everything installed, sorted."""
        return pinned_packages(self.requirements)
