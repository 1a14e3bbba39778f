"""Two runs with real processes, and what their history says of them."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from runner.cells import snapshot
from runner.runs import history, journal
from runner.runs.causes import RecordedRun
from runner.runs.history import RunSummary
from tests.engines.plain import PlainEngine
from tests.engines.test_pipeline import Bench, case

AGREES = "import sys\nfrom helper import answer\nassert answer() == 42, 'not 42'\n"


def steps(bench: Bench, *scripts: str) -> tuple[RunSummary, ...]:
    """Run a script and its helper, once for each text of the helper."""
    pasts = []
    bench.script.write_text(AGREES, "utf-8")
    for number, text in enumerate(scripts, 1):
        (bench.folder / "helper.py").write_text(text, "utf-8")
        repro = bench.repro(case("good"))
        repro = evolve(repro, digest=snapshot.snapshot_digest(repro))
        bench.run(repro, "2.1.0", "2.2.0")
        run = journal.read_run(bench.folder / f"run{number}")
        pasts.append(
            RecordedRun(
                run=evolve(run, info=evolve(run.info, id=f"run{number}", started=f"{number}"))
            )
        )
    (line,) = history.build_history(pasts).lines
    return line.steps


def test_a_change_in_a_file_that_the_script_imports_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PlainEngine())
    first, same, changed = steps(
        bench,
        "def answer(): return 42\n",
        "def answer(): return 42\n",
        "def answer(): return 41\n",
    )
    assert (first.new, same.changes, same.shifts) == (2, (), ())
    assert [change.where.tensorflow for change in changed.changes] == ["2.1.0", "2.2.0"]
    assert {change.after.signature for change in changed.changes} == {"AssertionError: not 42"}
    assert [cause.kind for change in changed.changes for cause in change.causes] == ["script"] * 2
