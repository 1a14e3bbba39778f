"""The floor: what the work costs when TensorFlow is imported once per release, each case is a fork
of that process, every core is busy all the time, and nothing else is done.

    (sum of the imports + sum of the cases' own work) / cores

Measured as it is defined: as many environments at a time as there are cores, so that processes
compete for memory bandwidth, caches and turbo as they do under every contestant. The sum is taken
over the parts, so that a core idle at the end does not count. An import can only be waited for:
the floor is never below the longest import followed by that environment's longest case.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import frozen

from bench.records import Place, Sample, Work
from bench.timing import ENVIRONMENT, BenchError
from runner.machine import processes

ONCE = Path(__file__).with_name("once.py")


@frozen
class Parts:
    """Of one environment, in seconds."""

    imported: float
    cases: tuple[float, ...]
    hung: int = 0


def measure(work: Work, folder: Path, jobs: int) -> Sample:
    """One measurement of the floor; newest releases first, as they take longest."""
    children = processes.Children()
    with ThreadPoolExecutor(jobs, initializer=children.own_thread) as pool:
        try:
            parts = list(pool.map(lambda place: _parts(work, place, folder), reversed(work.places)))
        except KeyboardInterrupt:
            children.stop()  # or the pool would wait for what nobody wants any more
            raise
    return Sample(
        seconds=bound(parts, jobs),
        notes={
            "import s": sum(part.imported for part in parts),
            "work s": sum(sum(part.cases) for part in parts),
            "hung": sum(part.hung for part in parts),
        },
    )


def bound(parts: Sequence[Parts], jobs: int) -> float:
    """The least wall clock for `parts` on `jobs` cores."""
    total = sum(part.imported + sum(part.cases) for part in parts)
    longest = max(part.imported + max(part.cases, default=0.0) for part in parts)
    return max(total / jobs, longest)


def _parts(work: Work, place: Place, folder: Path) -> Parts:
    command = [str(place.python), str(ONCE), repr(time.monotonic()), str(work.script), *work.cases]
    done = processes.run(command, env=ENVIRONMENT, cwd=folder)
    try:
        said = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise BenchError(f"the floor on {place.version}: {done.stderr[-500:]}") from None
    cases = tuple(seconds for seconds in said["cases"] if seconds is not None)
    return Parts(said["import"], cases, len(said["cases"]) - len(cases))
