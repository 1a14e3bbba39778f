"""Runs over time: what changed, and what else was different."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import cli, serial
from runner.model import Case, Limits, Run, RunInfo, Verdict
from runner.report.history import json_data
from runner.report.history import text as history_text
from runner.report.html import earlier_runs
from runner.runs import archive, history, journal
from runner.runs.causes import Cause, RecordedRun
from tests.unit.runs import HOSTILE, drawn, hostile

ERROR_A = (Verdict.FAIL, "ValueError: a")
ERROR_B = (Verdict.FAIL, "KeyError: b")
FAILURES = {"A": ERROR_A, "B": ERROR_B}


def past(day: int, picture: str, **info: Any) -> RecordedRun:
    head = {"id": f"202611{day:02d}-120000-ab12", "started": f"2026-11-{day:02d}T12:00:00Z"}
    return RecordedRun(run=drawn(picture, FAILURES, **{**head, **info}))


def steps(*pasts: RecordedRun) -> tuple[history.RunSummary, ...]:
    (line,) = history.build_history(pasts).lines
    return line.steps


def said(change: history.OutcomeChange) -> tuple[str, str, str, str]:
    sides = (change.before, change.after)
    before, after = (side.signature or side.verdict.value for side in sides)
    return change.where.case, change.where.tensorflow, before, after


def with_repro(one: RecordedRun, **fields: Any) -> RecordedRun:
    return evolve(one, run=evolve(one.run, repros=(evolve(one.run.repros[0], **fields),)))


def with_packages(one: RecordedRun, version: str, *packages: str) -> RecordedRun:
    environments = tuple(
        evolve(e, packages=packages) if e.tensorflow == version else e for e in one.run.environments
    )
    return evolve(one, run=evolve(one.run, environments=environments))


# --- What changed ------------------------------------------------------------------------------

GRID = """
     2.8 2.9
one   ✓   A
two   ✓   ✓
"""


def test_what_changed_between_two_runs() -> None:
    first, second = steps(past(1, GRID), past(2, GRID.replace("✓   A", "A   B")))
    assert (first.changes, first.new, first.cells) == ((), 4, 4)
    assert [said(change) for change in second.changes] == [
        ("one", "2.8.0", "pass", "ValueError: a"),
        ("one", "2.9.0", "ValueError: a", "KeyError: b"),
    ]
    assert second.counts == {Verdict.PASS: 2, Verdict.FAIL: 2}
    assert second.new == 0


def test_runs_are_put_in_order() -> None:
    assert [step.run[:8] for step in steps(past(3, GRID), past(1, GRID), past(2, GRID))] == [
        "20261101",
        "20261102",
        "20261103",
    ]


def test_a_cell_is_compared_with_the_last_time_it_was_measured() -> None:
    only_28 = "     2.8\none   ✓\n"
    *_, last = steps(past(1, GRID), past(2, only_28), past(3, GRID.replace("A", "✓")))
    (change,) = last.changes
    assert said(change) == ("one", "2.9.0", "ValueError: a", "pass")
    assert change.since.startswith("20261101")


def test_an_error_is_no_change_and_hides_none() -> None:
    middle = GRID.replace("✓", "!")
    _, unmeasured, last = steps(past(1, GRID), past(2, middle), past(3, GRID.replace("✓", "B")))
    assert unmeasured.changes == ()
    assert {said(change)[2:] for change in last.changes} == {("pass", "KeyError: b")}
    assert len(last.changes) == 3


def test_what_was_only_inferred_is_not_counted_and_no_change() -> None:
    second = past(2, GRID.replace("✓   A", "B   B"))
    thought = tuple(
        evolve(r, inferred=("2.7", "2.9")) if r.tensorflow == "2.8.0" else r
        for r in second.run.results
    )
    second = evolve(second, run=evolve(second.run, results=thought))
    _, middle, last = steps(past(1, GRID), second, past(3, GRID.replace("✓   A", "A   B")))
    assert (middle.cells, middle.inferred, sum(middle.counts.values())) == (2, 2, 2)
    assert [said(change)[1:] for change in middle.changes] == [
        ("2.9.0", "ValueError: a", "KeyError: b")
    ]
    assert [(said(change)[1:], change.since[:8]) for change in last.changes] == [
        (("2.8.0", "pass", "ValueError: a"), "20261101")
    ]
    only = history.History(lines=history.build_history([past(1, GRID), second]).lines)
    assert "2, 2 inferred" in history_text.history_text(only)


def test_what_no_run_had_measured_is_new_and_no_change() -> None:
    _, second = steps(past(1, GRID), past(2, GRID + "three  A   A\n"))
    assert (second.new, second.changes) == (2, ())


def test_a_patch_follows_the_patch_before_it_in_its_series() -> None:
    grid = "     2.9.2 2.10.0\none  ✓     ✓\n"
    later = "     2.9.3 2.10.0\none  A     ✓\n"
    _, second = steps(past(1, grid), past(2, later))
    (change,) = second.changes
    assert said(change) == ("one", "2.9.3", "pass", "ValueError: a")
    assert change.causes[0] == Cause(
        kind="tensorflow", what="TensorFlow", before="2.9.2", after="2.9.3"
    )


def test_where_a_series_has_several_patches_each_is_its_own() -> None:
    one, several = "     2.9.2\none  ✓\n", "     2.9.1 2.9.2 2.9.3\none  A     ✓     A\n"
    _, second, third = steps(past(1, one), past(2, several), past(3, "     2.9.4\none  B\n"))
    assert (second.changes, second.new) == ((), 2)
    assert (third.changes, third.new) == ((), 1)


def test_two_pythons_of_one_release_are_two_cells() -> None:
    def both(day: int, old: str, new: str) -> RecordedRun:
        one = past(day, f"     2.9\none  {old}\n")
        other = past(day, f"     2.9\none  {new}\n", python="3.9")
        results = (*one.run.results, *other.run.results)
        return evolve(one, run=evolve(one.run, results=results))

    _, second = steps(both(1, "✓", "✓"), both(2, "✓", "A"))
    (change,) = second.changes
    assert change.where.variant == "3.9"


def test_each_repro_has_a_line_of_its_own() -> None:
    other = with_repro(past(2, GRID), script=Path("elsewhere/script.py"))
    lines = history.build_history([past(1, GRID), other, past(3, GRID)]).lines
    assert [(line.script, len(line.steps)) for line in lines] == [
        ("script.py", 2),
        ("elsewhere/script.py", 1),
    ]
    assert history.only_repro(history.build_history([past(1, GRID)]), "other").lines == ()


# --- What else was different -------------------------------------------------------------------

BASE = past(1, GRID)
AGAIN = past(2, GRID.replace("A", "✓"))
SAME = ("absl-py==1.5.0", "numpy==1.23.5", "tensorflow-cpu==2.9.0")


def one_case(args: tuple[str, ...]) -> tuple[Case, ...]:
    return (Case(name="one", args=args), *BASE.run.repros[0].cases[1:])


def host(**facts: Any) -> Run:
    return evolve(AGAIN.run, info=evolve(AGAIN.run.info, host={**BASE.run.info.host, **facts}))


def info(**facts: Any) -> RecordedRun:
    return evolve(AGAIN, run=evolve(AGAIN.run, info=evolve(AGAIN.run.info, **facts)))


DIFFERENT: Mapping[str, tuple[RecordedRun, tuple[str, str, Optional[str], Optional[str]]]] = {
    "a package changed": (
        with_packages(AGAIN, "2.9.0", "absl-py==1.5.0", "numpy==1.24.0", "tensorflow-cpu==2.9.0"),
        ("package", "numpy", "1.23.5", "1.24.0"),
    ),
    "a package came": (
        with_packages(AGAIN, "2.9.0", *SAME, "six==1.16.0"),
        ("package", "six", None, "1.16.0"),
    ),
    "a package went": (
        with_packages(AGAIN, "2.9.0", *SAME[1:]),
        ("package", "absl-py", "1.5.0", None),
    ),
    "the script": (with_repro(AGAIN, digest="d" * 64), ("script", "script", "c" * 12, "d" * 12)),
    "the script's text": (
        evolve(with_repro(AGAIN, digest="d" * 64), texts={"script": "other"}),
        ("script", "script", "c" * 12, "d" * 12),
    ),
    "files beside the script": (
        evolve(with_repro(AGAIN, digest="d" * 64), texts={"script": "same"}),
        ("files", "script", "c" * 12, "d" * 12),
    ),
    "arguments": (
        with_repro(AGAIN, digest="c" * 64, cases=one_case(("one", "--fast"))),
        ("settings", "arguments", "one", "one --fast"),
    ),
    "a variable": (
        with_repro(AGAIN, digest="c" * 64, env={"TF_X": "0"}),
        ("settings", "TF_X", None, "0"),
    ),
    "the time limit": (
        with_repro(AGAIN, digest="c" * 64, limits=Limits(timeout=9.0)),
        ("settings", "timeout limit", "120.0", "9.0"),
    ),
    "the engine": (info(engine="local"), ("engine", "engine", "docker", "local")),
    "the tool": (info(tool_version="0.2.0"), ("tool", "tfmatrix", "0.1.0", "0.2.0")),
    "the machine": (
        evolve(AGAIN, run=host(machine="arm64")),
        ("machine", "machine", "x86_64", "arm64"),
    ),
    "the base image": (
        evolve(
            AGAIN,
            run=evolve(
                AGAIN.run,
                environments=tuple(evolve(e, key="f" * 64) for e in AGAIN.run.environments),
            ),
        ),
        ("environment", "Dockerfile", BASE.run.environments[1].key[:12], "f" * 12),
    ),
}


@pytest.mark.parametrize(("after", "cause"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_was_different_is_named_and_nothing_else(
    after: RecordedRun, cause: tuple[str, str, Optional[str], Optional[str]]
) -> None:
    _, second = steps(evolve(with_repro(BASE, digest="c" * 64), texts={"script": "same"}), after)
    (change,) = second.changes
    found = [(c.kind, c.what, c.before, c.after) for c in change.causes]
    assert found == [cause]
    assert cause in [
        (s.cause.kind, s.cause.what, s.cause.before, s.cause.after) for s in second.shifts
    ]


def test_where_nothing_was_different_that_is_said() -> None:
    found = history.build_history([BASE, AGAIN])
    assert found.lines[0].steps[1].changes[0].causes == ()
    assert "it may be flaky" in history_text.history_text(found)


def test_the_text_of_a_script_counts_where_no_digest_of_all_its_files_is_recorded() -> None:
    before, after = (
        evolve(BASE, texts={"script": "1" * 64}),
        evolve(AGAIN, texts={"script": "2" * 64}),
    )
    (change,) = steps(before, after)[1].changes
    assert [cause.kind for cause in change.causes] == ["script"]
    (unknown,) = steps(before, AGAIN)[1].changes
    assert unknown.causes == ()


def test_a_little_more_memory_is_the_same_machine() -> None:
    def with_memory(one: RecordedRun, megabytes: int) -> RecordedRun:
        facts = {**one.run.info.host, "memory_mb": megabytes}
        return evolve(one, run=evolve(one.run, info=evolve(one.run.info, host=facts)))

    for megabytes, kinds in ((24_200, []), (48_000, ["machine"])):
        (change,) = steps(with_memory(BASE, 24_100), with_memory(AGAIN, megabytes))[1].changes
        assert [cause.kind for cause in change.causes] == kinds


# --- Said --------------------------------------------------------------------------------------

TWO = [
    past(1, GRID),
    with_packages(
        past(2, GRID.replace("✓", "B"), engine="local", finished=None),
        "2.9.0",
        *("absl-py==1.5.0", "numpy==1.24.0", "tensorflow-cpu==2.9.0"),
    ),
]


def test_as_text() -> None:
    assert history_text.history_text(history.build_history(TWO)).splitlines() == [
        "script (script.py): 2 runs",
        "run                   started              engine  cells           changed  "
        "what else was different",
        "20261101-120000-ab12  2026-11-01 12:00:00  docker  4               first",
        "20261102-120000-ab12  2026-11-02 12:00:00  local   4, interrupted  3        "
        "engine docker → local and numpy 1.23.5 → 1.24.0 in 2 cells",
        "",
        "20261102-120000-ab12: 3 cells changed",
        "  since 20261101-120000-ab12; engine docker → local",
        "    pass → fail (KeyError: b)",
        "      one and two on 2.8.0 cpu",
        "  since 20261101-120000-ab12; numpy 1.23.5 → 1.24.0 and engine docker → local",
        "    pass → fail (KeyError: b)",
        "      two on 2.9.0 cpu",
    ]


def test_as_json() -> None:
    data = json.loads(json.dumps(json_data.history_data(history.build_history(TWO))))
    (line,) = data["repros"]
    run = line["runs"][1]
    assert (run["cells"], run["new"], run["finished"], run["counts"]) == (4, 0, False, {"fail": 4})
    assert run["changes"][0] == {
        "case": "one",
        "tensorflow": "2.8.0",
        "device": "cpu",
        "variant": "",
        "before": {"outcome": "pass", "signature": None},
        "after": {"outcome": "fail", "signature": "KeyError: b"},
        "since": "20261101-120000-ab12",
        "inferred": False,
        "different": [{"kind": "engine", "what": "engine", "before": "docker", "after": "local"}],
    }
    assert {
        "kind": "package",
        "what": "numpy",
        "before": "1.23.5",
        "after": "1.24.0",
        "cells": 2,
    } in (run["different"])


def hostile_history() -> history.History:
    """Every name, message and fact is written to break out of what it stands in."""
    first = hostile()
    flipped = tuple(
        evolve(r, outcome=evolve(r.outcome, verdict=Verdict.CRASH)) for r in first.results
    )
    second = evolve(
        first,
        info=RunInfo(
            id=HOSTILE[0],
            started="2027" + HOSTILE[1],
            engine=HOSTILE[2],
            tool_version=HOSTILE[3],
            command="",
            host={HOSTILE[0]: HOSTILE[2]},
        ),
        results=flipped,
    )
    return history.build_history([RecordedRun(run=first), RecordedRun(run=second)])


OURS = {
    *("section", "h2", "h3", "div", "table", "thead", "tr", "th", "td"),
    *("details", "summary", "ul", "li", "code"),
}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_as_html_nothing_from_outside_is_more_than_text() -> None:
    tags = Tags()
    tags.feed(earlier_runs.section(hostile_history()))
    assert tags.open == []
    assert tags.seen <= OURS


def test_as_html_one_run_alone_has_no_history() -> None:
    assert earlier_runs.section(history.build_history([BASE])) == ""
    assert "numpy 1.23.5 → 1.24.0" in earlier_runs.section(history.build_history(TWO))


def test_as_text_and_markdown_nothing_from_outside_ends_a_line_or_a_cell() -> None:
    found = hostile_history()
    for text in (history_text.history_text(found), history_text.markdown(found)):
        assert all(line.isprintable() for line in text.split("\n"))
    rows = [line for line in history_text.markdown(found).splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


pictures = st.lists(st.sampled_from("✓AB!–?"), min_size=4, max_size=4)


@given(st.lists(pictures, max_size=5))
def test_following_the_changes_leads_from_the_first_run_to_the_last(
    marks: list[list[str]],
) -> None:
    """Start with what was first measured, apply every change: that is what is there now."""
    days = [
        past(day, "     2.8 2.9\none {} {}\ntwo {} {}\n".format(*four))
        for day, four in enumerate(marks, 1)
    ]
    now: dict[history.CellName, Any] = {}
    lines = history.build_history(days).lines
    for step, day in zip(lines[0].steps if lines else (), (d for d in days if d.run.results)):
        for change in step.changes:
            assert now[change.where] == (change.before.verdict, change.before.signature)
            now[change.where] = (change.after.verdict, change.after.signature)
        for result in day.run.results:
            if result.outcome.verdict is not Verdict.ERROR:
                where = history.CellName(result.case, result.tensorflow, result.device)
                outcome = (result.outcome.verdict, result.outcome.signature)
                assert now.setdefault(where, outcome) == outcome


# --- The verb ----------------------------------------------------------------------------------


def write(results: Path, one: RecordedRun, script: str = "") -> Path:
    folder = results / one.run.info.id
    log = journal.Journal(folder, one.run)
    for result in one.run.results:
        log.append(result, "")
    if script:
        log.keep_script("script", script)
    log.close()
    return folder


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    write(folder, BASE, "print(1)\n")
    last = write(folder, AGAIN, "print(2)\n")
    journal.point_latest(last)
    return folder


def test_the_verb_reads_every_run_once(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["history"]) == 0
    text = capsys.readouterr().out
    assert "2 runs" in text
    assert "since 20261101-120000-ab12; the script" in text
    assert cli.execute(["history", str(results), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["repros"][0]["runs"]) == 2
    assert cli.execute(["history", "--format", "md", "--repro", "script", "--last", "2"]) == 0
    assert "#### `script`" in capsys.readouterr().out


def test_a_run_of_which_only_the_journal_is_left_counts(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(results / BASE.run.info.id / "logs")
    assert cli.execute(["history"]) == 0
    assert "2 runs" in capsys.readouterr().out


def test_a_run_that_cannot_be_read_is_left_out_and_named(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / BASE.run.info.id / "run.json").write_text("{", "utf-8")
    assert cli.execute(["history"]) == 0
    said = capsys.readouterr()
    assert "1 run\n" in said.out
    assert BASE.run.info.id in said.err


def test_a_report_shows_the_runs_before_its_own_only(results: Path) -> None:
    write(results, past(4, GRID))
    run = journal.read_run(results / AGAIN.run.info.id)
    found = history.build_history(archive.with_earlier_runs(run, results / AGAIN.run.info.id))
    assert [step.run for line in found.lines for step in line.steps][-1] == AGAIN.run.info.id
    assert "20261104" not in earlier_runs.section(found)
    assert "since 20261101-120000-ab12; the script" in earlier_runs.section(found)
    alone = history.build_history(
        archive.with_earlier_runs(run, results / AGAIN.run.info.id, newest=1)
    )
    assert earlier_runs.section(alone) == ""


def test_no_runs_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["history", str(tmp_path)]) == 2
    assert "no runs" in capsys.readouterr().err


def test_a_digest_survives_the_journal(results: Path) -> None:
    written = with_repro(past(5, GRID), digest="c" * 64)
    folder = write(results, written)
    assert journal.read_run(folder).repros[0].digest == "c" * 64
    assert '"digest"' in serial.dumps(serial.head_to_json(written.run))
