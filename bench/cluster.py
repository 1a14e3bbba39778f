"""What handing cells to a cluster's workers costs, with cells that take no time.

    python -m bench.cluster [CELLS ...] [--workers N ...]

Everything is real but the cells: scheduler, workers in processes of their own, orders and answers,
the journal. The row with 0 workers is the same run without a cluster, in threads of this process:
what a cell costs beyond that is the cluster's. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from bench.cluster_worker import Stub
from bench.simulate import RELEASES
from bench.table import table
from runner import __version__
from runner.cells.snapshot import take_snapshot
from runner.cells.store import Store
from runner.matrix import plan
from runner.model import (
    Case,
    Device,
    Environment,
    Limits,
    Matrix,
    Release,
    Repro,
    Run,
    RunInfo,
    Target,
)
from runner.pipeline import Batch, Options, Pipeline, Workers, cluster, pool
from runner.pipeline.local_site import LocalSite
from runner.releases import catalogue, specifier
from runner.runs import journal

CELLS = (100, 1000, 10000)
WORKERS = (0, 1, 2, 4, 8)


def main(counts: Sequence[int], workers: Sequence[int]) -> str:
    rows = []
    for number in workers:
        with tempfile.TemporaryDirectory() as folder, _workers(number, Path(folder)) as here:
            seconds = [_carry_out(here, count, Path(folder)) for count in counts]
        costs = [f"{1000 * took / count:.2f} ms" for took, count in zip(seconds, counts)]
        rows.append((str(number), *costs))
        print(*rows[-1], file=sys.stderr, flush=True)
    return "\n".join(table(("workers", *(f"{count:,} cells" for count in counts)), rows))


@contextlib.contextmanager
def _workers(number: int, folder: Path) -> Iterator[Workers]:
    if number == 0:
        site = LocalSite(Stub(), lambda _: None)
        yield Workers(
            site=site, prepare=pool.local_pool(2), measure=pool.local_pool(os.cpu_count() or 2)
        )
        return
    from distributed import LocalCluster

    os.environ["TFMATRIX_CACHE"] = str(folder / "cache")  # what the workers find
    with (
        LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            preload=["bench.cluster_worker"],
        ) as started,
        cluster.connect(started.scheduler_address, "stub", lambda _: None, print) as (_, here),
    ):
        yield here


def _carry_out(here: Workers, count: int, folder: Path) -> float:
    """Seconds of a run of so many cells."""
    releases = specifier.select(catalogue.load_releases(), ">=1.12", "latest")[:RELEASES]
    cases = tuple(Case(name=f"case-{n}") for n in range(-(-count // len(releases))))
    script = folder / "s.py"
    script.write_text("", "utf-8")
    repro = Repro(
        name="s", script=script, cases=cases, limits=Limits(memory=64), needs_tensorflow=False
    )
    cells = plan.cells(Matrix(source=script, tf="", repros=(repro,)), releases)[:count]
    batches = [
        Batch(
            environment=_environment(release),
            cells=tuple(cell for cell in cells if cell.target.release == release),
        )
        for release in releases
    ]
    head = Run(info=_info(), environments=(), results=(), repros=(repro,))
    log = journal.Journal(folder / f"run-{count}", head)
    store = Store(folder / "store")
    pipeline = Pipeline(
        workers=here,
        store=store,
        journal=log,
        snapshots={"s": take_snapshot(repro, folder / "snapshots")},
        options=Options(remeasure=True),
        emit=lambda _: None,
    )
    began = time.perf_counter()
    pipeline.run([batch for batch in batches if batch.cells])
    took = time.perf_counter() - began
    log.close()
    found = journal.read_run(log.folder).results
    assert len(found) == count == sum(one.exit_code == 0 for one in found)
    return took


def _environment(release: Release) -> Environment:
    target = Target(release=release, device=Device.CPU, python=release.pythons[0])
    key = hashlib.sha256(release.version.encode()).hexdigest()
    return Environment(target=target, requirements="", key=key)


def _info() -> RunInfo:
    return RunInfo(
        id=journal.new_id(datetime.now(timezone.utc)),
        started=journal.timestamp(),
        engine="stub",
        tool_version=__version__,
        command="python -m bench.cluster",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("cells", nargs="*", type=int, default=list(CELLS))
    parser.add_argument("--workers", nargs="*", type=int, default=list(WORKERS))
    asked = parser.parse_args()
    print(main(asked.cells, asked.workers))
