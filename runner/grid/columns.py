"""Columns of a grid: releases on devices, in order, with the shortest names that are unique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from packaging.version import Version

from runner.grid.records import Column
from runner.model import Release, Run, release_series
from runner.releases import specifier

_Place = tuple[str, str, str]


def columns_of(run: Run, releases: Sequence[Release] = ()) -> tuple[Column, ...]:
    """The columns of a run, from its environments and from its results.

    A Python that only varied cases use gets no column, because these cases have their own rows.
    `releases` are all known releases; without them, only the run's own releases are considered.
    """
    homes = _homes(run)
    environments: dict[_Place, dict[str, None]] = defaultdict(dict)
    pythons: dict[_Place, dict[str, None]] = defaultdict(dict)
    for place, environment in _environments(run):
        home = homes.get(place, place)
        environments[home][environment] = None
        pythons[home][place[2]] = None
    places = sorted(environments, key=lambda p: (Version(p[0]), p[1], _python_order(p[2])))
    known = _Known(releases)
    before = {later: p for p, later in _neighbours(places)}
    return tuple(
        Column(
            index=index,
            tensorflow=place[0],
            device=place[1],
            python=place[2],
            label=_label(place, places, known),
            environments=tuple(environments[place]),
            pythons=tuple(pythons[place]),
            gap=place in before and known.between(before[place][0], place[0]),
            newest=known.newest(place[0]),
        )
        for index, place in enumerate(places)
    )


def _environments(run: Run) -> Iterator[tuple[_Place, str]]:
    for environment in run.environments:
        yield (environment.tensorflow, environment.device, environment.python), environment.id
    for result in run.results:
        yield (result.tensorflow, result.device, result.python), result.environment


def _homes(run: Run) -> dict[_Place, _Place]:
    """Place → the place whose column shows its results.

    A place that only varied cases ran on is shown in the column of the other cases' Python; if
    there are no other cases, in the column of one of the Pythons.
    """
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
    def number(part: str) -> int:
        return int(part) if part.isascii() and part.isdigit() else 0

    return [(number(part), part) for part in python.split(".")]


class _Known:
    """The catalogue's releases, to compare with those of a run."""

    def __init__(self, releases: Sequence[Release]) -> None:
        self._all = [r for r in releases if not r.yanked and not r.parsed.is_prerelease]
        self._newest = {r.series: r.parsed for r in specifier.newest_patches(self._all)}

    def stands_for_its_series(self, version: str) -> bool:
        """Whether no newer patch of the series is known."""
        parsed = Version(version)
        return parsed >= self._newest.get(_series(version), parsed)

    def between(self, one: str, other: str) -> bool:
        """Whether a known release lies between two versions.

        Between two series only the newest patch of a series counts, for it stands for the series.
        """
        low, high = Version(one), Version(other)
        if _series(one) == _series(other):
            return any(low < release.parsed < high for release in self._all)
        return any(low < patch < high for patch in self._newest.values())

    def newest(self, version: str) -> bool:
        return all(patch <= Version(version) for patch in self._newest.values())


def _neighbours(places: Sequence[_Place]) -> Iterator[tuple[_Place, _Place]]:
    """Each place and the next one on its device."""
    last: dict[str, _Place] = {}
    for place in places:
        if place[1] in last:
            yield last[place[1]], place
        last[place[1]] = place


def _label(place: _Place, places: Iterable[_Place], known: _Known) -> str:
    """`2.9` for the newest patch of its series if no other patch is shown, else `2.9.1`."""
    version, device, python = place
    peers = [p for p in places if p[1] == device and _series(p[0]) == _series(version)]
    alone = len({p[0] for p in peers}) == 1 and known.stands_for_its_series(version)
    label = _series(version) if alone else version
    return f"{label} py{python}" if sum(p[0] == version for p in peers) > 1 else label


def _series(version: str) -> str:
    """`2.9` for `2.9.3`; a pre-release or a nightly stays as it is: it stands for no series."""
    parsed = Version(version)
    return version if parsed.is_prerelease else release_series(parsed)
