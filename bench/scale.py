"""What 26, 82 and 1,000 environments cost one machine, with the arithmetic; no network is used.

    python -m bench.scale

Sizes of wheels are docker/releases.yaml's; what an environment takes on disk is
`runner.environments.sizes`' formula without its margin. Two factors are measured: the newest patch
of each series, from nothing, with the local engine on two cores: 6.0 GB of downloads and 161 s
(docs/cluster.md). The second table is 1,000 environments × 1,000 cases, on 16 cores each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.table import table
from runner.environments import sizes
from runner.model import Release
from runner.releases import catalogue, specifier

DOWNLOADED, MINUTES = 6.0, 161 / 60
OWN_MB = 80
"""Of a local environment that shares its packages with another: bytecode and links."""
AGAIN = 6.7
"""Seconds to make an environment whose packages are in uv's cache: linking, bytecode, and the proof
that TensorFlow can be imported. 6.8, 6.9 and 6.3 s were measured for 2.9.3, 2.16.2 and 2.21.0,
whose folder had been removed."""
MORE_MB = 20
"""A variant's own wheel, such as another numpy."""

MACHINES, CORES = (1, 10, 100), 16
MANY = 1000
"""Environments, and cases of each."""
IMPORT, WORK = 1.8, 0.47
"""Seconds of one core: an import of TensorFlow, and a case of the shipped reproduction beyond it
(results/bench/bench.md: 46.2 s / 26 imports, 11.3 s / 24 cells)."""
ALONE, HANDED_OUT = 0.002, 0.004
"""Seconds of the command for a cell: without a cluster, and with one (docs/cluster.md)."""
REPORT = 16.5 / 100_000
"""Seconds to journal and report a simulated cell (docs/benchmark.md)."""


def main() -> Iterator[str]:
    known = catalogue.load_releases()
    latest, every = (specifier.select(known, ">=1.12", patches) for patches in ("latest", "all"))
    factor = DOWNLOADED / _wheels(latest)
    pace = MINUTES / DOWNLOADED
    yield f"downloads: {DOWNLOADED:.1f} GB / {_wheels(latest):.2f} GB of wheels = {factor:.2f}"
    yield f"time: {MINUTES:.1f} min / {DOWNLOADED:.1f} GB = {pace:.2f} min a GB, on two cores"
    nightly = every[-1]
    rows = [
        _row(f"{len(latest)}, one a series", latest, factor, pace),
        _row(f"{len(every)}, all releases", every, factor, pace),
        _row(f"1,000 nightlies of {nightly.wheel_mb} MB", [nightly] * 1000, 1.0, pace),
        _variants(1000, len(latest), latest, factor, pace),
    ]
    head = ("environments", "downloads", "disk, local", "disk, docker", "time to make, local")
    yield from ("", *table(head, rows))
    making = nightly.wheel_mb or 0
    columns = ("machines", "make", "import and measure", "hand out", "report", "together")
    yield from ("", *table(columns, [_large(count, making * pace) for count in MACHINES]))


def _wheels(releases: Sequence[Release]) -> float:
    return sum(release.wheel_mb or 0 for release in releases) / 1000


def _disk(engine: str, releases: Sequence[Release]) -> float:
    """GB by the formula."""
    return sum(sizes.fitted_bytes(engine, release) for release in releases) / 1e9


def _row(name: str, releases: Sequence[Release], factor: float, pace: float) -> tuple[str, ...]:
    downloads = factor * _wheels(releases)
    disk = (f"{_disk(engine, releases):,.0f} GB" for engine in ("local", "docker"))
    return (name, f"{downloads:,.1f} GB", *disk, _time(downloads * pace))


def _variants(
    count: int, bases: int, releases: Sequence[Release], factor: float, pace: float
) -> tuple[str, ...]:
    """As many environments, of the same releases with other packages: wheels are fetched once."""
    more = count - bases
    downloads = factor * _wheels(releases) + more * MORE_MB / 1000
    local = _disk("local", releases) + more * OWN_MB / 1000
    docker = _disk("docker", releases) * count / bases
    minutes = downloads * pace + more * AGAIN / 60
    name = f"{count:,} variants of {bases} releases"
    return (name, f"{downloads:,.1f} GB", f"{local:,.0f} GB", f"{docker:,.0f} GB", _time(minutes))


def _large(machines: int, making: float) -> tuple[str, ...]:
    """1,000 nightlies × 1,000 cases; `making` is minutes for all nightlies on one machine.

    Cells are handed out by one command while others are measured, so the longer of the two counts.
    """
    cells = MANY * MANY
    make = making / machines
    measure = (MANY * IMPORT + cells * WORK) / (machines * CORES) / 60
    hand_out = cells * (ALONE if machines == 1 else HANDED_OUT) / 60
    report = cells * REPORT / 60
    together = make + max(measure, hand_out) + report
    return (str(machines), *map(_time, (make, measure, hand_out, report, together)))


def _time(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


if __name__ == "__main__":
    print("\n".join(main()))
