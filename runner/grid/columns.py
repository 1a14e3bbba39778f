"""Columns of a grid: releases on devices, in order, with the shortest names that are unique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from packaging.version import Version

from runner.grid.records import Column
from runner.model import Run


def of(run: Run) -> tuple[Column, ...]:
    """Of its environments, and of the results whose environment is not among these."""
    environments: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for environment in run.environments:
        place = (environment.tensorflow, environment.device, environment.python)
        environments[place][environment.id] = None
    for result in run.results:
        place = (result.tensorflow, result.device, result.python)
        environments[place][result.environment] = None
    places = sorted(environments, key=lambda p: (Version(p[0]), p[1], _python_order(p[2])))
    return tuple(
        Column(
            index=index,
            tensorflow=place[0],
            device=place[1],
            python=place[2],
            label=_label(place, places),
            environments=tuple(environments[place]),
        )
        for index, place in enumerate(places)
    )


def _python_order(python: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else 0, part) for part in python.split(".")]


def _label(place: tuple[str, str, str], places: Iterable[tuple[str, str, str]]) -> str:
    version, device, python = place
    peers = [p for p in places if p[1] == device and _series(p[0]) == _series(version)]
    label = _series(version) if len({p[0] for p in peers}) == 1 else version
    return f"{label} py{python}" if sum(p[0] == version for p in peers) > 1 else label


def _series(version: str) -> str:
    """`2.9` of `2.9.3`; a pre-release or a nightly stays as it is, for it stands for no series."""
    parsed = Version(version)
    return version if parsed.is_prerelease else f"{parsed.major}.{parsed.minor}"
