"""A run judged again with what matrix.yaml expects today."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from runner import cli
from runner.cells.classify import contradicts
from runner.grid import build_grid
from runner.model import Expectation, Matrix, Rule, Run, Verdict
from runner.releases import catalogue
from runner.report.context import Context
from runner.report.markdown.grid import contradictions
from runner.runs import journal
from runner.runs.expectations import with_expectations
from tests.unit import runs

RELEASES = catalogue.load_releases()


def matrix(*expectations: Expectation, name: str = "script") -> Matrix:
    (repro,) = runs.drawn("2.4.4\na ✓").repros
    return Matrix(
        source=Path("matrix.yaml"),
        tf="",
        repros=(evolve(repro, name=name, expectations=expectations),),
    )


def judged(run: Run, *expectations: Expectation, name: str = "script") -> list[tuple[object, bool]]:
    again = with_expectations(run, matrix(*expectations, name=name), RELEASES)
    return [(each.expected, each.unexpected) for each in again.results]


FAILS = Expectation(rule=Rule(tf=">=2.5"), verdict=Verdict.FAIL, source="s", signature="KeyError")
PASSES = Expectation(rule=Rule(cases=("b",)), verdict=Verdict.PASS, source="s")


def test_the_expectations_of_today_count() -> None:
    run = runs.drawn("2.4.4 2.5.3\na ✓ A≠\nb ✓ ✓", {"A": (Verdict.FAIL, "KeyError: 'x'")})
    assert judged(run, FAILS, PASSES) == [
        (None, False),
        ("fail: KeyError", False),
        ("pass", False),
        ("pass", False),
    ]
    assert judged(run, FAILS)[3] == ("fail: KeyError", True)
    assert judged(run) == [(None, False)] * 4


def test_what_the_matrix_does_not_name_keeps_what_it_had() -> None:
    run = runs.drawn("2.4.4\na A≠", {"A": (Verdict.FAIL, "KeyError: 'x'")})
    (before,) = [(each.expected, each.unexpected) for each in run.results]
    assert judged(run, FAILS, name="another") == [before]


def test_an_expectation_names_a_parametrised_test_as_the_report_does() -> None:
    wanted = Expectation(rule=Rule(cases=("t.py::a[0.1]",)), verdict=Verdict.FAIL, source="page 7")
    run = runs.drawn("2.4.4\nt.py::a[0.1] ✓")
    run = with_expectations(run, matrix(wanted), RELEASES)
    run = evolve(run, repros=tuple(evolve(one, expectations=(wanted,)) for one in run.repros))
    context = Context(run=run, grid=build_grid(run), logs=lambda _: "")
    assert "expected `fail` as of `page 7`" in "".join(contradictions(context, 9))


def test_what_nobody_measured_is_never_unexpected() -> None:
    run = runs.drawn("2.5.3 2.6.5 2.7.4\na ✓ ✓≈ !")
    assert [unexpected for _, unexpected in judged(run, FAILS)] == [True, False, False]
    assert contradicts(run.results[1].outcome, FAILS)


def test_the_report_says_so_and_the_journal_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = runs.drawn("2.4.4 2.5.3\na ✓ A", {"A": (Verdict.FAIL, "KeyError: 'x'")})
    kept = journal.Journal(tmp_path / "run", run)
    kept.append_known((result, "") for result in run.results)
    kept.close()
    (tmp_path / "script.py").write_text("")
    (tmp_path / "today.yaml").write_text(
        "tf: '>=2.4'\nrepros:\n- name: script\n  script: script.py\n"
        "  expect: [{outcome: pass, source: 'what I say'}]\n"
    )
    assert cli.execute(["report", "run", "--format", "md"]) == 0
    assert "what I say" not in capsys.readouterr().out
    assert cli.execute(["report", "run", "--format", "md", "--matrix", "today.yaml"]) == 0
    said = capsys.readouterr().out
    assert "expected `pass`" in said
    assert "what I say" in said
    assert not any(result.unexpected for result in journal.read_run(tmp_path / "run").results)
    assert cli.execute(["report", "run", "--matrix", "nowhere.yaml"]) == 2
    assert "nowhere.yaml: No such file" in capsys.readouterr().err
