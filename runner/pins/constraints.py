"""The environment in which the newest that qualifies passed → a constraints file. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from runner.grid import Grid
from runner.model import EnvironmentInfo, pinned_version
from runner.pins.pin import Pin

DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")


def pinned_environment(
    pin: Pin, grid: Grid, environments: Iterable[EnvironmentInfo]
) -> EnvironmentInfo:
    """Where the newest that qualifies passed: on the first device, with the newest Python."""
    assert pin.newest is not None
    here = [c for c in pin.newest.columns if c.device == pin.newest.columns[0].device]
    cell = grid.cell(pin.required[0], here[-1])
    assert cell is not None
    return next(each for each in environments if each.id == cell.environment)


def constraints_text(environment: EnvironmentInfo, source: str) -> str:
    """For `pip install -c` and uv: the packages in which everything passed.

    Without hashes, which pip would then want of every other requirement too. All of TensorFlow's
    distributions are held to the release, whichever of them was measured.
    """
    pins = dict(pinned_version(package) for package in environment.packages)
    pins.update(dict.fromkeys(DISTRIBUTIONS, environment.tensorflow))
    head = (
        f"# The packages in which everything required passed: TensorFlow {environment.tensorflow} "
        f"on {environment.device}, Python {environment.python}.\n# {source}\n"
    )
    return head + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
