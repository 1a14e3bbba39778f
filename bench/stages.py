"""Where the time of environments from nothing goes: seconds, processor time and bytes, by stage.

`python -m bench.stages FOLDER VERSION …` makes these releases' virtual environments one after the
other in the cache of the caller's environment, runs six cases of the shipped reproduction in each,
and prints a line of JSON for each stage of each release.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
from attrs import frozen

from bench import ours, places, rounds, works
from bench.records import Figures
from runner.engines.base import Phase
from runner.engines.local.engine import LocalEngine
from runner.environments import locks
from runner.matrix import plan
from runner.model import Device, Release

_CASES = 6
_STAGES = {
    "creating": "make an empty environment",
    "looking": "look into the cache of packages",
    "downloading": "download and unpack, at the same time",
    "installing": "link the packages into the environment",
    "compiling": "compile to bytecode",
    "checking": "first import, and notes of all files",
    "measuring": f"{_CASES} cells, two at a time",
}
"""Phase of the engine → what is done in it, in this order."""


@frozen(kw_only=True)
class Usage:
    """What this process and its children have used so far, the ended ones included."""

    seconds: float
    processor: float
    """Seconds of one core."""
    written: int
    """Bytes handed to the file system, which may not have reached the disk yet."""

    @classmethod
    def now(cls) -> Usage:
        running = [Path("/proc/self"), *_children()]
        return cls(
            seconds=time.perf_counter(),
            processor=sum(map(_processor_seconds, running)),
            written=sum(map(_written_bytes, running)),
        )

    def since(self, before: Usage) -> Usage:
        return Usage(
            seconds=self.seconds - before.seconds,
            processor=self.processor - before.processor,
            written=self.written - before.written,
        )


def _children() -> Iterator[Path]:
    for thread in Path("/proc/self/task").iterdir():
        yield from (Path("/proc") / pid for pid in (thread / "children").read_text().split())


def _processor_seconds(process: Path) -> float:
    """Of a process and its ended children: fields 14 to 17 of proc(5)."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _written_bytes(process: Path) -> int:
    counts = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
    return int(counts["write_bytes"])


class Diary:
    """Takes the engine's phases, and what was used in each."""

    def __init__(self) -> None:
        self._name, self._began = "", Usage.now()
        self.stages: list[tuple[str, Usage]] = []

    def begin(self, name: str) -> None:
        if name != self._name:
            now = Usage.now()
            if self._name:
                self.stages.append((self._name, now.since(self._began)))
            self._name, self._began = name, now

    def hear(self, phase: Phase) -> None:
        first = phase.what == "installing" and self._name == "creating"
        self.begin("looking" if first else phase.what)


def profile(release: Release, folder: Path) -> Sequence[tuple[str, Usage]]:
    """The stages of one release, in their order."""
    environment = locks.environment(plan.target(release, Device.CPU))
    diary = Diary()
    LocalEngine().prepare(environment, diary.hear)
    diary.begin("measuring")
    found = places.find([release], LocalEngine(), None, folder)
    cases = rounds.spread(works.shipped_cases(), _CASES)
    ours.run(works.shipped(found, cases, folder), folder, 2, "local")
    diary.begin("")
    return diary.stages


def figures(lines: Iterable[str], releases: Sequence[str]) -> Figures:
    """All releases together."""
    found = [json.loads(line) for line in lines]
    rows = [
        (what, *_cells([one["used"] for one in found if one["stage"] == name]))
        for name, what in _STAGES.items()
    ]
    return Figures(
        title=f"Environments from nothing, one after the other: {', '.join(releases)}",
        heads=("stage", "seconds", "seconds of a core", "MB written"),
        rows=(*rows, ("together", *_cells([one["used"] for one in found]))),
    )


def _cells(used: Sequence[dict[str, float]]) -> Iterator[str]:
    yield f"{sum(one['seconds'] for one in used):.1f}"
    yield f"{sum(one['processor'] for one in used):.1f}"
    yield f"{sum(one['written'] for one in used) / 1e6:,.0f}"


def main(folder: Path, versions: Sequence[str]) -> None:
    for release in places.releases(",".join(versions)):
        for stage, used in profile(release, folder):
            line = {"release": release.version, "stage": stage, "used": attrs.asdict(used)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
