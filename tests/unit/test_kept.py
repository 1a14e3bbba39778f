"""Kept verdicts: which releases they are of, and which of them count for a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from runner import cli
from runner.cells.snapshot import take_snapshot
from runner.matrix import plan
from runner.model import Case, Cell, Device, Outcome, Release, Repro, Result, Run, Suite, Verdict
from runner.releases import catalogue
from runner.runs import kept
from runner.runs.journal import Journal
from runner.runs.kept import KeptVerdict
from tests.unit import runs

NIGHTLY = "2.99.0.dev20261101"
CATALOGUE = catalogue.load_releases()


def verdict(version: str = NIGHTLY, case: str = "default", **facts: Any) -> KeptVerdict:
    """The verdict of a script's only case, or of a test."""
    environment = evolve(runs.environment("2.21"), tensorflow=version, released="2026-11-02")
    planned = Case(name=case.partition("::")[0])
    repro = Repro(name="script", script=Path("my.py"), cases=(planned,), script_digest="d")
    result = runs.result(case, version, "✓", environment=environment.id)
    return evolve(
        KeptVerdict(
            run=runs.head(started="2026-11-03T04:00:00Z"),
            repro=repro,
            case=planned,
            result=result,
            environment=environment,
        ),
        **facts,
    )


def cell(repro: Repro, release: Release, *globs: str) -> Cell:
    return plan.planned_cell(repro, repro.cases[0], release, Device.CPU, globs)


def test_a_release_is_told_by_its_verdicts() -> None:
    other = verdict("2.98.0rc1")
    older, newer = kept.releases_of([verdict(), other, verdict()], CATALOGUE)
    assert (older.version, newer.version) == ("2.98.0rc1", NIGHTLY)
    assert f"{newer.released}" == "2026-11-02"
    assert newer.pythons == (verdict().result.python,)
    assert newer.cuda is None


@pytest.mark.parametrize(
    ("version", "released", "day"),
    [
        (NIGHTLY, "", "2026-11-01"),
        (NIGHTLY, "yesterday", "2026-11-01"),
        ("2.99.0.dev7", "", None),
        ("2.99.0rc0", "2026-13-01", None),
        ("0.1.0.dev20150101", "2015-01-01", None),
    ],
)
def test_a_day_that_is_not_there_is_that_of_the_nightlys_name(
    version: str, released: str, day: str
) -> None:
    one = verdict(version)
    one = evolve(one, environment=evolve(one.environment, released=released))
    assert [f"{each.released}" for each in kept.releases_of([one], CATALOGUE)] == [
        *([day] if day else [])
    ]


def test_of_a_suite_the_verdict_of_the_test_counts() -> None:
    (release,) = kept.releases_of([verdict()], CATALOGUE)
    one, other = (verdict(case=f"test_a.py::test_{name}") for name in ("one", "other"))
    suite = evolve(one.repro, suite=Suite(folder=Path()))
    found = kept.of_cell(cell(suite, release, "test_a.py::test_other"), [one, other])
    assert list(found) == [other]
    assert list(kept.of_cell(cell(suite, release), [one, other])) == [one, other]


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({}, ""),
        ({"script_digest": "e"}, "the script or a file that it uses"),
        ({"script_digest": ""}, "the script or a file that it uses"),
        ({"env": {"A": "1"}}, "its variables"),
        ({"requirements": {">=0": ("keras==3.4.1",)}}, "its packages"),
        ({"network": True}, "whether it may use the network"),
        ({"name": "another", "about": "the same by another name"}, ""),
    ],
    ids=str,
)
def test_it_counts_only_with_the_same_script_and_settings(facts: dict[str, Any], what: str) -> None:
    one = verdict()
    (release,) = kept.releases_of([one], CATALOGUE)
    planned = evolve(one.repro, **facts)
    assert one.difference(cell(planned, release), planned) == what
    unknown = evolve(one, repro=evolve(one.repro, script_digest=""))
    assert unknown.difference(cell(planned, release), planned), "a run of an older tfmatrix"


def test_what_was_not_measured_by_the_run_itself_is_no_verdict(tmp_path: Path) -> None:
    outcomes = {"error": Verdict.ERROR, "skip": Verdict.SKIP}
    good = verdict().result
    results: dict[str, Result] = {
        "good": good,
        "cached": evolve(good, cached=True),
        "inferred": evolve(good, inferred=True),
        "unplanned": evolve(good, case="another"),
        "nowhere": evolve(good, environment="another"),
        "final": evolve(good, tensorflow="2.21.0"),
        **{name: evolve(good, outcome=Outcome(verdict=each)) for name, each in outcomes.items()},
    }
    for name, result in results.items():
        whole = Run(
            info=runs.head(id=name),
            environments=(verdict().environment,),
            results=(),
            repros=(verdict().repro,),
        )
        journal = Journal(tmp_path / name, whole)
        journal.append(result, "")
        journal.close()
    warned: list[str] = []
    found = kept.load_verdicts(tmp_path, warned.append)
    assert warned == []
    assert [each.run.id for each in found] == ["good"]


def test_a_strangers_run_of_any_words_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = runs.hostile()
    renamed = [evolve(each, tensorflow=NIGHTLY) for each in hostile.results]
    places = [evolve(each, tensorflow=NIGHTLY) for each in hostile.environments]
    journal = Journal(tmp_path / "results" / "a", evolve(hostile, environments=tuple(places)))
    for result in renamed:
        journal.append(result, "")
    journal.close()
    Path("my.py").write_text("import tensorflow\n", "utf-8")
    monkeypatch.setattr("runner.releases.upstream.known._pre", lambda *_: [])
    assert cli.execute(["bisect", "my.py", "--bad", NIGHTLY]) == 2
    said = capsys.readouterr().err
    assert f"the index no longer has {NIGHTLY}" in said
    assert "differ in the script" in said


def test_a_script_that_looks_for_files_is_known_by_its_whole_folder(tmp_path: Path) -> None:
    def digests(text: str) -> tuple[str, str]:
        (tmp_path / "a" / "my.py").write_text(text, "utf-8")
        repro = Repro(name="mine", script=tmp_path / "a" / "my.py")
        found = []
        for content in ("one", "two"):
            (tmp_path / "a" / "other.txt").write_text(content, "utf-8")
            found.append(take_snapshot(repro, tmp_path / "snapshots").script_digest)
        return found[0], found[1]

    (tmp_path / "a").mkdir()
    plain, looks = digests("print(1)\n"), digests("import os\nos.listdir('.')\n")
    assert plain[0] == plain[1]
    assert looks[0] != looks[1]
