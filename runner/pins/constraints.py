"""Writes a constraints file: the environment in which the newest qualifying release passed.
Pure."""

from __future__ import annotations

from collections.abc import Iterable

from runner.grid import Grid
from runner.model import NO_TENSORFLOW, EnvironmentInfo, pinned_version
from runner.pins.pin import Pin
from runner.report.text import tensorflow_words

DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")


def pinned_environment(
    pin: Pin, grid: Grid, environments: Iterable[EnvironmentInfo]
) -> EnvironmentInfo:
    """The environment of the newest qualifying release: first device, newest Python."""
    assert pin.newest is not None
    here = [c for c in pin.newest.columns if c.device == pin.newest.columns[0].device]
    cell = grid.cell(pin.required[0], here[-1])
    assert cell is not None
    return next(each for each in environments if each.id == cell.environment)


def constraints_text(environment: EnvironmentInfo, source: str) -> str:
    """A file for `pip install -c` and uv: the packages with which everything passed.

    It has no hashes, because pip would then demand them for every other requirement. All
    distributions of TensorFlow are pinned to the release, not only the measured one.
    """
    pins = dict(pinned_version(package) for package in environment.packages)
    if environment.tensorflow != NO_TENSORFLOW:
        pins.update(dict.fromkeys(DISTRIBUTIONS, environment.tensorflow))
    head = (
        f"# The packages in which everything required passed: "
        f"{tensorflow_words(environment.tensorflow)} "
        f"on {environment.device}, Python {environment.python}.\n# {source}\n"
    )
    return head + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
