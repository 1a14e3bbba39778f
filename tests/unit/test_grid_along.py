"""Releases of another package as columns: `run --along keras`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from runner import grid
from runner.errors import UsageError
from runner.matrix import variants, vary
from runner.model import Case, Outcome, Run, Verdict
from runner.pins import requirement, words
from runner.pins.check import check_requirement
from runner.pins.pin import find_pin
from runner.report import block
from runner.report.answer import answer
from runner.report.context import Context
from runner.report.preparation import preparation_lines
from runner.runs import compare
from tests.unit import runs

FAILURES: dict[str, runs.Failure] = {"A": (Verdict.FAIL, "KeyError: 'x'")}
VERSIONS = ("3.0.5", "3.1.1", "3.10.0", "3.11.3")


def along(*letters: str, case: str = "default") -> Run:
    """A run of one case along keras: its findings from version to version."""
    cases = variants.all_combinations([Case(name=case)], [vary.package("keras", VERSIONS)])
    drawn = [
        runs.drawn(f"2.18.1\n{each.name} {letter}", FAILURES)
        for each, letter in zip(cases, letters)
    ]
    return evolve(
        drawn[0],
        info=evolve(drawn[0].info, along="keras"),
        results=tuple(result for one in reversed(drawn) for result in one.results),
        repros=(evolve(drawn[0].repros[0], cases=cases),),
    )


def test_the_values_are_the_columns_as_planned_and_a_case_is_one_row() -> None:
    shown = grid.build_grid(along("✓", "✓", "A", "A"))
    assert [column.label for column in shown.columns] == [f"keras {each}" for each in VERSIONS]
    assert [row.case for row in shown.rows] == ["default"]
    assert [mark.letter for mark in shown.marks[0]] == ["", "", "A", "A"]
    assert [(t.before.version, t.after.version) for t in shown.transitions] == [("3.1.1", "3.10.0")]


def test_two_versions_of_the_package_are_compared_as_two_releases_are() -> None:
    shown = grid.build_grid(along("✓", "✓", "A", "A"))
    (change,) = compare.compare_releases(shown, "3.1", "3.10").changes
    assert str(change.where) == "script/default on 3.1.1 → 3.10.0 cpu"
    assert change.kind == "changed"
    assert compare.compare_releases(shown, "3.10.0", "3.11.3").changes == ()


def test_the_sentence_names_the_package_once_and_goes_no_farther_than_it_was_run() -> None:
    assert answer(grid.build_grid(along("✓", "✓", "A", "A"))) == (
        "Fails on keras 3.10.0 to 3.11.3 (KeyError: 'x'); passes on keras 3.0.5 to 3.1.1; all with "
        "TensorFlow 2.18.1."
    )


def test_programs_read_which_value_it_was() -> None:
    (finding,) = block_of(along("✓", "✓", "A", "A"))["findings"]
    assert finding["before"] == {"tensorflow": "2.18.1", "value": "3.1.1", "passes": True}
    assert finding["after"] == {"tensorflow": "2.18.1", "value": "3.10.0", "passes": False}


def block_of(run: Run) -> dict[str, Any]:
    context = Context(run=run, grid=grid.build_grid(run), logs=lambda _: "")
    text = block.hidden_block(context)
    read = json.loads(text.removeprefix(block.OPEN).removesuffix(block.CLOSE))
    assert isinstance(read, dict)
    assert read["along"] == "keras"
    return read


def test_a_release_of_the_package_that_is_not_for_this_tensorflow_is_no_cell() -> None:
    whole = along("✓", "✓", "A", "A", case="a")
    (repro,) = whole.repros
    cases = [
        evolve(case, variant=evolve(case.variant, tf=("<2.0",))) if "3.0.5" in case.name else case
        for case in repro.cases
    ]
    results = [
        evolve(result, outcome=Outcome(verdict=Verdict.SKIP, reason="it is for TensorFlow <2.0"))
        if "3.0.5" in result.case
        else result
        for result in whole.results
    ]
    run = evolve(whole, repros=(evolve(repro, cases=tuple(cases)),), results=tuple(results))
    assert [mark.impossible for mark in grid.build_grid(run).marks[0]] == [
        True,
        False,
        False,
        False,
    ]


def test_a_pin_is_of_the_package_and_closed_at_what_was_seen() -> None:
    pin = find_pin(grid.build_grid(along("A", "✓", "✓", "A")), ["2.18.1", "2.19.0"])
    assert pin.requirement
    assert pin.requirement.requirement == "keras>=3.1.1,<=3.10.0"
    said = words.pin_to_json(pin, None)
    assert said["package"] == "keras"
    assert said["blocking"][0]["value"] == "3.11.3"
    assert said["releases"][1] == {
        "tensorflow": "2.18.1",
        "value": "3.1.1",
        "qualifies": True,
        "obstacles": [],
    }


def test_a_pin_of_the_package_is_checked() -> None:
    pin = find_pin(grid.build_grid(along("A", "✓", "✓", "A")), [])
    wanted = requirement.parse_requirement("keras>=3.1,<3.11", pin.package)
    assert check_requirement(pin, wanted, []).holds
    with pytest.raises(UsageError, match="asks for tensorflow; the run is about keras"):
        requirement.parse_requirement("tensorflow>=2", pin.package)


def test_a_note_on_the_packages_names_the_columns() -> None:
    run = along("✓", "✓", "A", "A")
    places = [runs.environment(f"2.18.{number}") for number in range(4)]
    notes = ["packages as of May", "packages as of May", "packages as of June", ""]
    environments = tuple(
        evolve(place, tensorflow="2.18.1", notes=("alike", *filter(None, [note])))
        for place, note in zip(places, notes)
    )
    by_version = sorted(run.results, key=lambda result: VERSIONS.index(result.case.split("=")[1]))
    results = tuple(
        evolve(result, environment=place.id, variant=f"backend=jax,keras={version}")
        for result, place, version in zip(by_version[:3], places, VERSIONS)
    )
    said = preparation_lines(evolve(run, environments=environments, results=results, repros=()))
    assert said == [
        "alike",
        "keras 3.0.5 and keras 3.1.1: packages as of May",
        "keras 3.10.0: packages as of June",
    ]
    alone = evolve(environments[3], notes=("alone",))
    (line,) = preparation_lines(evolve(run, environments=(alone,), results=(), repros=()))
    assert line == f"{alone.id}: alone"
