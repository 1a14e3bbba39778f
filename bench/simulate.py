"""What planning, journalling and reporting cost by themselves, with cells that nobody ran.

    python -m bench.simulate CELLS [--files N] [--load]

Prints the seconds of each step, the seconds of processor time and the peak of resident memory as
JSON; in a process of its own, so that the peak is this work's alone. `--files`: this many logs are
files, the others are in the archive (`runner.runs.logs`). `--load`: meanwhile another process
writes to the same disk, as fast as it can.

Cells are journalled as answers from the store are. A measured cell's line is flushed to disk
besides, which waits for the disk while the next cell runs: what that takes is told apart, from the
first cells.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path

from runner import __version__
from runner.cells.results import judged_result
from runner.machine import host
from runner.matrix import plan
from runner.model import Case, Cell, EnvironmentInfo, Execution, Matrix, Repro, Result, Run, RunInfo
from runner.releases import catalogue, specifier
from runner.report import publish
from runner.runs import journal, logs

RELEASES = 25
CASES = 100
PER_ENVIRONMENT = 4000
FLUSHED = 500
ERRORS = 'Traceback (most recent call last):\n  File "/repro/s.py", line 9, in <module>\n    go()\n'


def main(count: int, files: int = logs.MOST_FILES) -> dict[str, float]:
    """Seconds per step, in all and of processor time, `peak_mb`, seconds a cell where each is
    `flushed`, and seconds to have the run `removed`."""
    logs.MOST_FILES = files
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - began

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        with step("planned"):
            matrix = _matrix(count)
            releases = specifier.select(catalogue.load_releases(), matrix.tf, "latest")[:RELEASES]
            cells = plan.cells(matrix, releases)[:count]
        with step("journalled"):
            journal_cells(folder, matrix, cells, sync=False)
        with step("read again"):
            run = journal.read_run(folder)
        with step("reported"):
            publish.write(run, folder)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        journal_cells(Path(temporary) / "flushed", matrix, cells[:FLUSHED], sync=True)
        flushed = (time.perf_counter() - began) / len(cells[:FLUSHED])
        assert len(run.results) == count
        began = time.perf_counter()
    return {
        **seconds,
        "all": sum(seconds.values()),
        "processor": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "flushed": flushed,
        "removed": time.perf_counter() - began,
    }


@contextmanager
def _busy_disk() -> Iterator[None]:
    """Another process that writes 64 MiB to the disk again and again, and waits for each. It ends
    with this process, however that ends."""
    with tempfile.TemporaryDirectory() as folder:
        write = "of=$0/load bs=1M count=64 conv=fsync status=none"
        script = f'while kill -0 "$PPID" && dd if=/dev/zero {write}; do :; done'
        writer = subprocess.Popen(["sh", "-c", script, folder], start_new_session=True)
        try:
            yield
        finally:
            os.killpg(writer.pid, signal.SIGKILL)
            writer.wait()


def _matrix(count: int) -> Matrix:
    cases = tuple(Case(name=f"case-{number}", args=(str(number),)) for number in range(CASES))
    repros = tuple(
        Repro(name=f"repro-{number}", script=Path(f"s{number}.py"), cases=cases)
        for number in range(-(-count // (RELEASES * CASES)))
    )
    return Matrix(source=Path("matrix.yaml"), tf=">=1.12", repros=repros)


def journal_cells(folder: Path, matrix: Matrix, cells: Sequence[Cell], *, sync: bool) -> None:
    """Writes the journal of a run of these cells, which nobody ran."""
    log = journal.Journal(folder, _head(matrix, cells))
    try:
        for start in range(0, len(cells), PER_ENVIRONMENT):
            known = _known(cells[start : start + PER_ENVIRONMENT], start)
            if sync:
                for result, output in known:
                    log.append(result, output)
            else:
                log.append_known(known)
        log.finish(journal.timestamp())
    finally:
        log.close()


def _known(cells: Sequence[Cell], first: int) -> Iterator[tuple[Result, str]]:
    """Judged, as the pipeline hands an environment's cells to the journal."""
    for number, cell in enumerate(cells, first):
        execution = _execution(number, cell)
        yield judged_result(cell, cell.target.label, execution), execution.output


def _execution(number: int, cell: Cell) -> Execution:
    """Half of the cases pass everywhere; the others fail in newer releases, in ten ways."""
    case = int(cell.case.args[0])
    fails = case % 2 == 1 and cell.target.release.parsed.minor >= case % 16
    errors = f"{ERRORS}ValueError: the {case % 10}th way to fail\n" if fails else ""
    return Execution(
        exit_code=int(fails),
        seconds=0.1,
        max_rss_mb=300.0,
        output=f"cell {number}\n{errors}",
        errors=errors,
        observations={"loss": case / 7},
    )


def _head(matrix: Matrix, cells: Sequence[Cell]) -> Run:
    info = RunInfo(
        id=journal.new_id(datetime.now(timezone.utc)),
        started=journal.timestamp(),
        engine="none",
        tool_version=__version__,
        command="python -m bench.simulate",
        host=host.describe_machine(),
    )
    targets = plan.targets(cells)
    environments = tuple(
        EnvironmentInfo(
            id=target.label,
            tensorflow=target.release.version,
            python=target.python,
            device=target.device.value,
            engine="none",
            key="",
            image=None,
            packages=(),
            released=target.release.released.isoformat(),
        )
        for target in targets
    )
    return Run(info=info, environments=environments, results=(), repros=matrix.repros)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("cells", type=int)
    parser.add_argument("--files", type=int, default=logs.MOST_FILES)
    parser.add_argument("--load", action="store_true")
    asked = parser.parse_args()
    with _busy_disk() if asked.load else nullcontext():
        print(json.dumps(main(asked.cells, asked.files)))
