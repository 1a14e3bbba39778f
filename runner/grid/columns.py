"""Columns of a grid: releases on devices, in order, with the shortest names that are unique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from packaging.version import Version

from runner.grid.records import Column
from runner.model import Run

_Place = tuple[str, str, str]


def columns_of(run: Run) -> tuple[Column, ...]:
    """The columns of a run: of its environments, and of what results name besides.

    A Python that is only there for cases that vary it gets no column: they have rows of their own.
    """
    homes = _homes(run)
    environments: dict[_Place, dict[str, None]] = defaultdict(dict)
    pythons: dict[_Place, dict[str, None]] = defaultdict(dict)
    for place, environment in _environments(run):
        home = homes.get(place, place)
        environments[home][environment] = None
        pythons[home][place[2]] = None
    places = sorted(environments, key=lambda p: (Version(p[0]), p[1], _python_order(p[2])))
    return tuple(
        Column(
            index=index,
            tensorflow=place[0],
            device=place[1],
            python=place[2],
            label=_label(place, places),
            environments=tuple(environments[place]),
            pythons=tuple(pythons[place]),
        )
        for index, place in enumerate(places)
    )


def _environments(run: Run) -> Iterator[tuple[_Place, str]]:
    for environment in run.environments:
        yield (environment.tensorflow, environment.device, environment.python), environment.id
    for result in run.results:
        yield (result.tensorflow, result.device, result.python), result.environment


def _homes(run: Run) -> dict[_Place, _Place]:
    """Where what only varied cases ran on belongs: to the Python of the others, else to one."""
    varied = {(r.name, c.name) for r in run.repros for c in r.cases if c.variant.python}
    if not varied:
        return {}
    alone: dict[_Place, bool] = {}
    for result in run.results:
        place = (result.tensorflow, result.device, result.python)
        alone[place] = alone.get(place, True) and (result.repro, result.case) in varied
    homes = {}
    for place in alone:
        there = [each for each in alone if each[:2] == place[:2]]
        home = min(there, key=lambda each: (alone[each], _python_order(each[2])))
        homes[place] = home if alone[place] else place
    return homes


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
