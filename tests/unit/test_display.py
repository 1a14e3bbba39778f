"""What is printed while a run goes on."""

from __future__ import annotations

import io

import pytest
from attrs import evolve
from rich.console import Console

from runner.engines.base import Phase
from runner.model import Environment, Verdict
from runner.pipeline import display, events
from tests.engines.plain import environment
from tests.unit import runs

FAILURES = {"A": (Verdict.FAIL, "KeyError: 'x'")}


@pytest.mark.parametrize(
    ("glyphs", "line"),
    [
        ("✓ ✓ ✓", "2.5.0-py3.8-cpu script/a: pass"),
        ("✓ A ✓", "2.5.0-py3.8-cpu script/a: fail: KeyError: 'x'"),
        ("✓ – ✓", "2.5.0-py3.8-cpu script/a: skip: tf.function came with TensorFlow 1.14"),
        ("✓ A2/3 ✓", "2.5.0-py3.8-cpu script/a: fail (2 of 3 attempts): KeyError: 'x'"),
        (
            "A A≈ A",
            "2.5.0-py3.8-cpu script/a: fail (inferred from 2.4.0-py3.8-cpu and 2.6.0-py3.8-cpu): "
            "KeyError: 'x'",
        ),
    ],
)
def test_a_cell_on_one_line(glyphs: str, line: str) -> None:
    cell = runs.drawn(f"2.4 2.5 2.6\na {glyphs}", FAILURES).results[1]
    assert display.result_line(cell) == line


@pytest.mark.parametrize("repro", ["tests", "tests/test_a.py"])
def test_a_test_names_its_folder_once(repro: str) -> None:
    cell = runs.drawn("2.5\ntests/test_a.py::test_b ✓").results[0]
    line = display.result_line(evolve(cell, repro=repro))
    assert line == "2.5.0-py3.8-cpu tests/test_a.py::test_b: pass"


def test_lines_count_the_cells_and_no_inferred_one_is_a_pass() -> None:
    out = io.StringIO()
    plain = display.make_display(Console(file=out, width=200), 3)
    with plain:
        for result in runs.drawn("2.4 2.5 2.6\na ✓ ✓≈ ✓").results:
            plain(events.Ended(result=result))
    assert isinstance(plain, display.PlainDisplay)
    assert out.getvalue().splitlines()[-1].startswith("[3/3] 2.6.0-py3.8-cpu")
    assert plain._state.tally == {Verdict.PASS: 2}
    assert plain._state.inferred == 1


def test_a_phase_is_told_once_although_a_download_came_between() -> None:
    out = io.StringIO()
    plain = display.make_display(Console(file=out, width=200), 1)
    made = on_python_3_8("2.4.0")
    installing = Phase(what="installing")
    downloading = Phase(what="downloading", detail="h5py", bytes_done=1, bytes_total=2)
    for _ in range(2):
        for phase in (installing, downloading, installing, Phase(what="compiling")):
            plain(events.Preparing(environment=made, phase=phase))
        plain(events.Prepared(environment=made, seconds=0.0))
    phases = [line.rpartition(" ")[2] for line in out.getvalue().splitlines()]
    assert phases == ["installing", "compiling"] * 2


def test_the_same_failure_of_many_environments_is_told_once() -> None:
    out = io.StringIO()
    plain = display.make_display(Console(file=out, width=200), 4)
    error = runs.drawn("2.4 2.5 2.6\na ! ! ✓\nb ! ! ✓").results
    with plain:
        for version, why in (("2.4.0", "no registry"), ("2.5.0", "no registry")):
            made = on_python_3_8(version)
            reason = f"{made.id}: {why}\n  to fix it: wait"
            plain(events.Unprepared(environment=made, reason=reason, cells=2))
            for result in error:
                if result.environment == made.id:
                    plain(events.Ended(result=result))
    assert out.getvalue() == (
        "2.4.0-py3.8-cpu: could not be prepared, so 2 cells cannot be measured: "
        "2.4.0-py3.8-cpu: no registry\n  to fix it: wait\n"
        "2.5.0-py3.8-cpu: could not be prepared, so 2 cells cannot be measured: "
        "for the same reason as 2.4.0-py3.8-cpu\n"
    )
    assert isinstance(plain, display.PlainDisplay)
    assert plain._state.tally == {Verdict.ERROR: 4}


def on_python_3_8(version: str) -> Environment:
    made = environment(version)
    return evolve(made, target=evolve(made.target, python="3.8"))
