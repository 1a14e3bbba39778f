"""Judges a run again with the expectations of another matrix.yaml. Nothing is measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from attrs import evolve

from runner.cells.classify import contradicts
from runner.cells.results import expected_text
from runner.matrix import plan
from runner.model import Case, Device, Matrix, Release, Repro, Result, Run
from runner.releases import catalogue


def with_expectations(run: Run, matrix: Matrix, releases: Sequence[Release]) -> Run:
    """`run` with the expectations of `matrix`, for each repro that `matrix` names."""
    today = {repro.name: repro for repro in matrix.repros}
    repros = tuple(
        evolve(each, expectations=today[each.name].expectations) if each.name in today else each
        for each in run.repros
    )
    known = {repro.name: repro for repro in repros if repro.name in today}
    results = tuple(
        _expected(each, known[each.repro], releases) if each.repro in known else each
        for each in run.results
    )
    return evolve(run, repros=repros, results=results)


def _expected(result: Result, repro: Repro, releases: Sequence[Release]) -> Result:
    case = next((each for each in repro.cases if each.name == result.case), None)
    release = catalogue.find_release(releases, result.tensorflow) or Release(
        version=result.tensorflow, released=date.min, pythons=(), cpu_requirement=""
    )  # rules look at the version alone
    device = Device(result.device)
    found = plan.expectation(repro, case or Case(name=result.case), release, device)
    return evolve(
        result,
        expected=expected_text(found),
        unexpected=not result.inferred and contradicts(result.outcome, found),
    )
