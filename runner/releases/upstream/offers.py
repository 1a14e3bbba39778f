"""Wheels → versions: the TensorFlow versions that an index offers. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Optional

from attrs import frozen
from packaging.version import Version

from runner.releases.upstream.index import Wheel

OLDEST = Version("1.12")
"""Older releases are not in the catalogue."""
_OLDEST_PYTHON = Version("3.6")
"""Older Pythons cannot run the agent."""


@frozen(kw_only=True)
class Offer:
    """One version of one package, with its wheels for Linux on x86-64."""

    package: str
    version: str
    wheels: tuple[Wheel, ...]

    @property
    def parsed(self) -> Version:
        return Version(self.version)

    @property
    def uploaded(self) -> Optional[date]:
        """The day of its first wheel, if the index states it."""
        return min((w.uploaded for w in self.wheels if w.uploaded is not None), default=None)

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Pythons with a wheel, newest first."""
        return tuple(sorted({w.python for w in self.wheels}, key=Version, reverse=True))

    @property
    def megabytes(self) -> Optional[int]:
        """The size of the largest wheel in 10^6 bytes, if the index states it."""
        sizes = [wheel.size for wheel in self.wheels if wheel.size is not None]
        return round(max(sizes) / 1e6) if sizes else None

    @property
    def yanked(self) -> Optional[str]:
        """Why all its wheels were yanked; None if a wheel was not."""
        reasons = [wheel.yanked for wheel in self.wheels]
        if None in reasons:
            return None
        return next((reason for reason in reasons if reason), "yanked from the index")

    def wheel(self, python: str) -> Wheel:
        """The wheel for `python`; if there is none, any wheel."""
        return next((w for w in self.wheels if w.python == python), self.wheels[0])


def offers_of(wheels: Iterable[Wheel]) -> dict[Version, Offer]:
    """All versions from 1.12 on, oldest first."""
    grouped: dict[Version, list[Wheel]] = defaultdict(list)
    for wheel in wheels:
        if Version(wheel.python) >= _OLDEST_PYTHON:
            grouped[Version(wheel.version)].append(wheel)
    return {
        version: Offer(
            package=found[0].package, version=f"{version}", wheels=tuple(dict.fromkeys(found))
        )
        for version, found in sorted(grouped.items())
        if version >= OLDEST
    }


def preferred_pythons(available: Iterable[str], before: Sequence[str]) -> tuple[str, ...]:
    """The Pythons, preferred one first: that of the release `before`, if there are wheels for it.

    So a change between neighbouring releases comes from TensorFlow, not from Python. Otherwise the
    oldest is preferred. The others follow, newest first.
    """
    newest_first = sorted(set(available), key=Version, reverse=True)
    first = before[0] if before and before[0] in newest_first else newest_first[-1]
    return (first, *(python for python in newest_first if python != first))
