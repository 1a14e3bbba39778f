"""The sizes of environments on disk: measured when they were last made, else from a formula."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Optional

from packaging.version import Version

from runner import paths
from runner.environments import room
from runner.environments.room import DiskSize
from runner.model import Device, Environment, Release

_MB = 10**6
_UNPACKS_MORE = Version("2.12")
"""From this version on, wheels of TensorFlow unpack to more and bring more packages."""
# Megabytes = a + b × the wheel's, least squares over the newest CPU release of each series and four
# older patches; the formula errs by -2.9 % to +6.3 % there. `size` adds a margin.
_FIT = {
    # 20 images 463 to 1062 MB, 10 images 1064 to 1531 MB; layers above the Python's only
    "docker": ((108, 4.21), (61, 5.37)),
    # 16 environments 485 to 1099 MB, 10 environments 1103 to 1579 MB
    "local": ((114, 4.36), (78, 5.49)),
}
_SAFE = 1.05
_WHEEL = 300
"""MB, for a release whose wheel size is unknown; more than the largest CPU wheel so far."""
_PYTHON = 160 * _MB
"""Layers that all images of a Python share: 138 to 156 MB."""
_BUILD_CACHE = 100 * _MB
"""The part of BuildKit's cache for an environment's packages: 2.8 GB after 30 builds."""
_CUDA = {"docker": 8000 * _MB, "local": 7000 * _MB}
"""Not measured: CUDA's libraries alone are 3 to 6 GB."""
_REQUIREMENT = 200 * _MB
"""A guess for each package that a user adds."""


def size_of(engine: str, environment: Environment) -> DiskSize:
    """The size of `environment`; with a margin if it was never made here.

    Files that local environments share count in each of them: 6 % of a release's, nearly all of a
    variant's. So a limit is never exceeded, but many variants of one release reach it early.
    """
    own = recorded_size(engine, environment)
    if own is None:
        own = _whole(engine, environment)
    if engine == "docker":
        python = f"Python {environment.target.python}"
        stays = {python: _PYTHON, f"build cache of {environment.key}": _BUILD_CACHE}
        return DiskSize(own=own, stays=stays)
    return DiskSize(own=own)


def record_size(engine: str, environment: Environment, own: int) -> None:
    """Stores a measured size for later runs. Never raises, because runs work without it."""
    with suppress(OSError):
        path = _path(engine, environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{own}\n", encoding="ascii")


def recorded_size(engine: str, environment: Environment) -> Optional[int]:
    """The bytes that its removal frees; None if it was never made on this machine."""
    with suppress(OSError, ValueError):
        return int(_path(engine, environment).read_text("ascii"))
    return None


def _whole(engine: str, environment: Environment) -> int:
    """All its bytes, including those that it shares with other environments."""
    target = environment.target
    more = len(target.requirements) * _REQUIREMENT
    if target.device is Device.CUDA:
        return _CUDA.get(engine, _CUDA["docker"]) + more
    return estimate(engine, target.release) + more


def estimate(engine: str, release: Release) -> int:
    """The bytes of a CPU environment of `release`, with a margin."""
    return int(_SAFE * fitted_bytes(engine, release))


def fitted_bytes(engine: str, release: Release) -> float:
    """The probable bytes of a CPU environment of `release`, without a margin."""
    older, newer = _FIT.get(engine, _FIT["docker"])
    base, factor = older if release.parsed < _UNPACKS_MORE else newer
    wheel = 0 if release.absent else release.wheel_mb or _WHEEL
    return (base + factor * wheel) * _MB


def _path(engine: str, environment: Environment) -> Path:
    return paths.sizes() / f"{engine}-{environment.key}"


def bytes_needed(engine: str, environments: Sequence[Environment]) -> float:
    """The bytes on disk for making `environments`: an estimate with a margin."""
    known = {each.key: size_of(engine, each) for each in environments}
    return room.plan_disk(tuple(known), known).need
