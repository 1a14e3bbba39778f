"""Matrix × releases → cells."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from runner.matrix import plan
from runner.model import (
    Case,
    Cuda,
    Device,
    Exclusion,
    Expectation,
    Matrix,
    Release,
    Repro,
    Rule,
    Verdict,
)


def release(version: str, cuda: Cuda | None = None) -> Release:
    return Release(
        version=version,
        released=date(2020, 1, 1),
        pythons=("3.8", "3.7"),
        cpu_requirement=f"tensorflow-cpu=={version}",
        cuda=cuda,
    )


CASES = (Case(name="graph-one"), Case(name="graph-two"), Case(name="eager"))


def matrix(**changes: object) -> Matrix:
    repro = Repro(name="r", script=Path("r.py"), cases=CASES, **changes)  # type: ignore[arg-type]
    return Matrix(source=Path("matrix.yaml"), tf=">=1", repros=(repro,))


def test_cells_come_case_by_case_over_the_releases() -> None:
    cells = plan.cells(matrix(), [release("2.3.4"), release("2.10.1")])
    assert [(c.case.name, c.target.release.version) for c in cells] == [
        (case.name, version) for case in CASES for version in ("2.3.4", "2.10.1")
    ]


def test_a_glob_chooses_cases() -> None:
    cells = plan.cells(matrix(), [release("2.3.4")], ["graph-*"])
    assert [c.case.name for c in cells] == ["graph-one", "graph-two"]


def test_an_exclusion_skips_with_its_reason_and_only_where_it_says() -> None:
    rule = Rule(tf="<2.4", cases=("eager",))
    cells = plan.cells(
        matrix(exclusions=(Exclusion(rule=rule, reason="not there yet"),)),
        [release("2.3.4"), release("2.10.1")],
    )
    skipped = {(c.case.name, c.target.release.version): c.skip for c in cells if c.skip}
    assert skipped == {("eager", "2.3.4"): "not there yet"}


def test_the_last_matching_expectation_holds() -> None:
    expectations = (
        Expectation(rule=Rule(tf="==2.3.*"), verdict=Verdict.PASS, source="in general"),
        Expectation(rule=Rule(cases=("graph-two",)), verdict=Verdict.FAIL, source="but"),
    )
    cells = plan.cells(matrix(expectations=expectations), [release("2.3.4")])
    expected = {c.case.name: c.expected.verdict.value if c.expected else None for c in cells}
    assert expected == {"graph-one": "pass", "graph-two": "fail", "eager": "pass"}


def test_requirements_are_added_where_their_specifier_holds() -> None:
    requirements = {">=2.4": ("pandas==1.3.5",), "<2.4": ("pandas==1.1.5",), ">=2": ("six",)}
    cells = plan.cells(matrix(requirements=requirements), [release("2.3.4"), release("2.10.1")])
    found = {c.target.release.version: c.target.requirements for c in cells}
    assert found == {"2.3.4": ("pandas==1.1.5", "six"), "2.10.1": ("pandas==1.3.5", "six")}


def test_a_cuda_cell_without_a_sound_image_is_a_skip_that_says_why() -> None:
    broken = Cuda(
        cuda="12.2", cudnn="8.9", requirement="x", unavailable="its extra cannot be resolved"
    )
    two = Matrix(
        source=Path("m"), tf=">=1", repros=matrix().repros, devices=(Device.CPU, Device.CUDA)
    )
    cells = plan.cells(two, [release("2.15.0", broken)], ["eager"])
    assert [(c.target.device.value, c.skip) for c in cells] == [
        ("cpu", None),
        ("cuda", "its extra cannot be resolved"),
    ]
    assert [t.device for t in plan.targets(cells)] == [Device.CPU]


def test_cuda_takes_the_python_of_its_image() -> None:
    cuda = Cuda(cuda="10.1", cudnn="7.6", requirement="tensorflow==2.3.4", python="3.6")
    assert plan.target(release("2.3.4", cuda), Device.CUDA).python == "3.6"
    assert plan.target(release("2.3.4", cuda), Device.CPU).python == "3.8"


def test_targets_are_ordered_by_release_not_by_text() -> None:
    cells = plan.cells(matrix(), [release("2.10.1"), release("2.9.3")])
    assert [t.release.version for t in plan.targets(cells)] == ["2.9.3", "2.10.1"]


def test_a_post_release_and_a_candidate_are_in_reach_of_rules() -> None:
    rule = Rule(tf=">=2.15")
    assert plan.applies_to(rule, CASES[0], release("2.22.0rc0"), Device.CPU)
    assert plan.applies_to(rule, CASES[0], release("2.15.0.post1"), Device.CPU)
    assert not plan.applies_to(rule, CASES[0], release("2.9.3"), Device.CPU)
