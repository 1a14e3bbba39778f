"""The records of the benchmark, in the order in which they come to be."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from attrs import field, frozen


@frozen(kw_only=True)
class Place:
    """A release's environments, prepared: where its Python is, and its image."""

    version: str
    python: Optional[Path]
    """The virtual environment's; None where there is none on this machine."""
    image: Optional[str]
    """None where no daemon answers."""


@frozen(kw_only=True)
class Work:
    """The same for every contestant: each case of a script in each environment."""

    name: str
    script: Path
    cases: tuple[str, ...]
    """Each is called by its one argument."""
    places: tuple[Place, ...]
    matrix: Path
    """The matrix.yaml in which tfmatrix finds this script and these cases."""

    @property
    def cells(self) -> int:
        return len(self.cases) * len(self.places)

    @property
    def spec(self) -> str:
        return ",".join(place.version for place in self.places)


@frozen(kw_only=True)
class Sample:
    """One contestant, once."""

    seconds: float
    notes: Mapping[str, float] = field(factory=dict)
    """What else is worth knowing: cells forked, cells looked at twice, seconds of importing …"""


@frozen(kw_only=True)
class Series:
    """One contestant, in all rounds."""

    contestant: str
    samples: tuple[Sample, ...]

    @property
    def median(self) -> float:
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        seconds = [sample.seconds for sample in self.samples]
        return min(seconds), max(seconds)

    @property
    def notes(self) -> Mapping[str, float]:
        """Of each note the median."""
        names = dict.fromkeys(name for sample in self.samples for name in sample.notes)
        return {
            name: statistics.median(sample.notes.get(name, 0.0) for sample in self.samples)
            for name in names
        }


@frozen(kw_only=True)
class Comparison:
    """Contestants side by side on the same work."""

    work: str
    title: str
    releases: tuple[str, ...]
    cases: int
    series: tuple[Series, ...]

    def of(self, contestant: str) -> Optional[Series]:
        return next((one for one in self.series if one.contestant == contestant), None)


@frozen(kw_only=True)
class Point:
    """One contestant at one size of a growing work."""

    contestant: str
    size: int
    sample: Sample


@frozen(kw_only=True)
class Growth:
    title: str
    along: str
    """What grows: `releases` or `cases`."""
    points: tuple[Point, ...]


@frozen(kw_only=True)
class Aim:
    """Something promised, and what was measured."""

    what: str
    limit: float
    measured: float
    unit: str = ""
    least: bool = False
    """The limit is what it must at least be, not at most."""

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.least else self.measured <= self.limit


@frozen(kw_only=True)
class Figures:
    """Named figures that are no comparison: simulated cells, downloads, stages."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    heads: tuple[str, ...] = ("", "")


@frozen(kw_only=True)
class Answer:
    """What one contestant made of one release."""

    contestant: str
    version: str
    cause: str = ""
    """Why it gave no right answer; "" if it gave one."""
    first: Optional[float] = None
    """Seconds from nothing; None where nothing was run."""
    again: Optional[float] = None
    """Seconds with what the first time left; None where that gave no answer."""


@frozen(kw_only=True)
class Coverage:
    """How many releases answer, by contestant."""

    title: str
    releases: tuple[str, ...]
    answers: tuple[Answer, ...]


@frozen(kw_only=True)
class Bench:
    """All that one call of the benchmark found."""

    command: str
    started: str
    finished: str
    version: str
    host: Mapping[str, object]
    left_out: tuple[str, ...] = ()
    """What could not be measured here, and why."""
    comparisons: tuple[Comparison, ...] = ()
    growths: tuple[Growth, ...] = ()
    figures: tuple[Figures, ...] = ()
    coverages: tuple[Coverage, ...] = ()
    aims: tuple[Aim, ...] = ()
