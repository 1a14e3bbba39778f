"""Rounds of works: what the store knows steers them, and no environment has to be made twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import serial
from runner.cells.results import judged_result
from runner.model import (
    Case,
    Cell,
    Device,
    Execution,
    Expectation,
    Repro,
    Result,
    Rule,
    Target,
    Verdict,
)
from runner.pipeline import Batch, adaptive, events
from runner.pipeline.adaptive import ResultCollector
from tests.engines.plain import environment, release

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "matrix.json"
SERIES = [f"1.{minor}.0" for minor in range(12, 16)] + [f"2.{minor}.0" for minor in range(22)]
REPRO = Repro(name="r", script=Path("r.py"))
EXECUTIONS = {
    "✓": Execution(exit_code=0),
    "–": Execution(exit_code=125),
    "!": Execution(trouble="the daemon is gone"),
}
Truth = Mapping[str, Sequence[str]]
"""Case → a glyph for each release; letters are failures with that signature."""


def batches(truth: Truth, versions: Sequence[str] = SERIES) -> list[Batch]:
    return [Batch(environment=environment(v), cells=cells(truth, v)) for v in versions]


def cells(truth: Truth, version: str) -> tuple[Cell, ...]:
    target = Target(release=release(version), device=Device.CPU, python="3.10")
    return tuple(Cell(repro=REPRO, case=Case(name=case), target=target) for case in truth)


class Machine:
    """Stands in for the pipeline: knows the truth, and notes what it was asked for."""

    def __init__(self, truth: Truth, versions: Sequence[str] = SERIES) -> None:
        self.truth, self.versions = truth, versions
        self.shown: list[events.Event] = []
        self.found = ResultCollector(self.shown.append)
        self.rounds: list[list[Batch]] = []

    def run(self, batches: Sequence[Batch]) -> None:
        self.rounds.append(list(batches))
        for batch in batches:
            for cell in batch.cells:
                self.found(events.Ended(result=self._result(batch, cell)))

    def _result(self, batch: Batch, cell: Cell) -> Result:
        at = self.versions.index(cell.target.release.version)
        glyph = self.truth[cell.case.name][at]
        failed = Execution(exit_code=1, errors=f"ValueError: {glyph}\n")
        return judged_result(cell, batch.environment.id, EXECUTIONS.get(glyph, failed))

    def explore(self, load: Sequence[Batch], **how: object) -> dict[tuple[str, str, str], Result]:
        for round_ in adaptive.rounds(load, self.found, **how):  # type: ignore[arg-type]
            self.run(round_)
        inferred = {result.id: result for result in adaptive.infer_rest(load, self.found)}
        assert not inferred.keys() & self.found.results.keys()
        return inferred

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [
            (cell.case.name, batch.environment.target.release.version)
            for round_ in self.rounds
            for batch in round_
            for cell in batch.cells
        ]


def test_a_cell_that_is_measured_once_more_ends_once() -> None:
    machine = Machine({"c": "✓"}, ["2.1.0"])
    load = batches({"c": "✓"}, ["2.1.0"])
    machine.run(load)
    machine.truth = {"c": "A"}
    machine.run(load)
    (result,) = machine.found.results.values()
    assert result.outcome.verdict is Verdict.FAIL
    assert len(machine.shown) == 1


TURNS = {"turns": "A" * 4 + "✓" * 16 + "B" * 6, "steady": "✓" * 26, "late": "–" * 2 + "✓" * 24}


def test_every_cell_is_measured_or_inferred_and_none_twice() -> None:
    machine = Machine(TURNS)
    inferred = machine.explore(batches(TURNS))
    assert len(set(machine.asked)) == len(machine.asked)
    assert len(machine.asked) + len(inferred) == 3 * 26
    assert len(machine.asked) < 0.5 * 3 * 26
    for (_, case, _), result in inferred.items():
        assert TURNS[case][SERIES.index(result.tensorflow)] in "✓AB"
        true = machine._result(*place(batches(TURNS), result))
        assert (result.outcome.verdict, result.outcome.signature) == (
            *(true.outcome.verdict, true.outcome.signature),
        )


def place(load: Sequence[Batch], result: Result) -> tuple[Batch, Cell]:
    (batch,) = adaptive.only_cells(
        load, lambda batch, cell: adaptive.cell_id(batch.environment, cell) == result.id
    )
    return batch, batch.cells[0]


def test_what_is_inferred_names_its_neighbours_and_is_never_unexpected() -> None:
    (load,) = [batches({"c": "✓" * 26})]
    wrong = Expectation(rule=Rule(), verdict=Verdict.FAIL, source="somebody")
    load = [
        evolve(batch, cells=tuple(evolve(cell, expected=wrong) for cell in batch.cells))
        for batch in load
    ]
    machine = Machine({"c": "✓" * 26})
    for result in machine.explore(load).values():
        assert not result.unexpected
        assert (result.attempts, result.key, result.cached) == (0, None, False)
        assert isinstance(result.inferred, tuple)
        assert all(name in {batch.environment.id for batch in load} for name in result.inferred)
    assert all(result.unexpected for result in machine.found.results.values())


def test_what_the_store_knows_comes_first_and_steers() -> None:
    """It knows the whole row but for two cells, and that the row turns beside one of them."""
    truth = {"c": "✓" * 10 + "A" * 16}
    machine = Machine(truth)
    unknown = {SERIES[10], SERIES[20]}
    machine.explore(
        batches(truth),
        stored=lambda batch, cell: cell.target.release.version not in unknown,
    )
    assert len(machine.rounds[0]) == 24
    assert [version for _, version in machine.asked[24:]] == [SERIES[10]]


def test_a_store_that_knows_all_leaves_nothing_to_explore() -> None:
    machine = Machine(TURNS)
    assert not machine.explore(batches(TURNS), stored=lambda batch, cell: True)
    assert len(machine.rounds) == 1


def test_a_store_that_knows_nothing_changes_nothing() -> None:
    one, other = Machine(TURNS), Machine(TURNS)
    one.explore(batches(TURNS))
    other.explore(batches(TURNS), stored=lambda batch, cell: False)
    assert one.rounds == other.rounds


glyphs = st.sampled_from("✓✓✓AB–!")
truths = st.dictionaries(
    st.sampled_from("abcd"), st.lists(glyphs, min_size=26, max_size=26), min_size=1
)


@settings(deadline=None)
@given(truths, st.sets(st.tuples(st.sampled_from("abcd"), st.sampled_from(SERIES))), st.booleans())
def test_whatever_is_stored(truth: Truth, stored: set[tuple[str, str]], whole: bool) -> None:
    machine = Machine(truth)
    inferred = machine.explore(
        batches(truth),
        stored=lambda _, cell: (cell.case.name, cell.target.release.version) in stored,
        whole=whole,
    )
    assert len(set(machine.asked)) == len(machine.asked)
    assert len(machine.asked) + len(inferred) == len(truth) * len(SERIES)
    assert all(result.outcome.verdict.judged for result in inferred.values())


@given(truths)
def test_whole_environments_come_up_once(truth: Truth) -> None:
    machine = Machine(truth)
    machine.explore(batches(truth), whole=True)
    names = [batch.environment.id for round_ in machine.rounds for batch in round_]
    assert len(set(names)) == len(names)
    assert all(len(batch.cells) == len(truth) for round_ in machine.rounds for batch in round_)


def test_one_case_takes_as_many_runs_whole_or_not() -> None:
    truth = {"turns": TURNS["turns"]}
    one, other = Machine(truth), Machine(truth)
    one.explore(batches(truth))
    other.explore(batches(truth), whole=True)
    assert one.asked == other.asked


def test_the_shipped_matrix_is_found_by_less_than_half_of_its_runs() -> None:
    """936 cells (and their variants, which few releases have, left out), measured in full; nothing
    about the rule was chosen by them."""
    run = serial.run_from_json(json.loads(REFERENCE.read_text("utf-8")))
    rows: dict[str, dict[str, Result]] = defaultdict(dict)
    usual = [result for result in run.results if not result.variant]
    for result in usual:
        rows[result.case][result.tensorflow] = result
    versions = [info.tensorflow for info in run.environments]
    truth = {case: [_glyph(row.get(version)) for version in versions] for case, row in rows.items()}
    machine = Machine(truth, versions)
    inferred = machine.explore(batches(truth, versions))
    assert len(usual) == len(machine.asked) + len(inferred)
    assert len(machine.asked) <= 0.43 * len(usual)
    for result in inferred.values():
        measured = rows[result.case][result.tensorflow].outcome
        signature = result.outcome.signature and result.outcome.signature.split(": ", 1)[1]
        assert (result.outcome.verdict, signature) == (measured.verdict, measured.signature)


def _glyph(result: Optional[Result]) -> str:
    assert result is not None
    if result.outcome.verdict is Verdict.FAIL:
        return str(result.outcome.signature)
    return {"pass": "✓", "skip": "–", "error": "!"}[result.outcome.verdict.value]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_rows_are_measured(count: int) -> None:
    truth = {"c": "✓" * count}
    machine = Machine(truth, SERIES[:count])
    assert not machine.explore(batches(truth, SERIES[:count]))
