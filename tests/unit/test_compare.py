"""Two runs → what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import cli
from runner.grid.tolerance import differs
from runner.model import Json, Outcome, Result, Run, RunInfo, Verdict
from runner.runs import compare, journal


def result(
    case: str, verdict: Verdict, signature: str | None = None, tf: str = "2.9.3", **more: Any
) -> Result:
    fields: dict[str, Any] = {"python": "3.10", **more}
    return Result(
        repro="r",
        case=case,
        tensorflow=tf,
        device="cpu",
        environment=f"{tf}-py{fields['python']}-cpu",
        outcome=Outcome(verdict=verdict, signature=signature, reason="is not compared"),
        **fields,
    )


def run(*results: Result) -> Run:
    info = RunInfo(id="x", started="", engine="local", tool_version="0", command="")
    return Run(info=info, environments=(), results=results)


def test_equal_verdicts_with_other_signatures_differ() -> None:
    before = run(result("a", Verdict.FAIL, "X"), result("b", Verdict.PASS))
    after = run(result("a", Verdict.FAIL, "Y"), result("b", Verdict.PASS))
    comparison = compare.compare_runs(before, after)
    assert comparison.agreeing == 1
    assert [
        (c.kind, c.where.case, c.before and c.before.signature, c.after and c.after.signature)
        for c in comparison.changes
    ] == [("changed", "a", "X", "Y")]


def test_cells_that_came_and_went() -> None:
    comparison = compare.compare_runs(
        run(result("old", Verdict.PASS)), run(result("new", Verdict.PASS))
    )
    assert [(c.kind, c.where.case) for c in comparison.changes] == [
        ("went", "old"),
        ("came", "new"),
    ]


def test_one_python_each_is_the_same_cell_and_several_are_apart() -> None:
    old = run(result("a", Verdict.PASS, python="3.8"))
    new = run(result("a", Verdict.PASS, python="3.9"))
    assert compare.compare_runs(old, new).changes == ()
    both = run(*old.results, result("a", Verdict.FAIL, "X", python="3.9"))
    assert [(c.kind, c.where.python) for c in compare.compare_runs(both, old).changes] == [
        ("went", "3.9")
    ]
    assert str(compare.compare_runs(both, old).changes[0].where) == "r/a on 2.9.3 cpu py3.9"


def observed(before: dict[str, Json], after: dict[str, Json], **asked: Any) -> list[Any]:
    comparison = compare.compare_runs(
        run(result("a", Verdict.PASS, observations=before)),
        run(result("a", Verdict.PASS, observations=after)),
        **asked,
    )
    assert comparison.changes == ()
    return [(one.name, one.before, one.after) for one in comparison.observed]


def test_observations_beyond_the_tolerance() -> None:
    assert observed({"loss": 1.0, "n": 2}, {"loss": 1.00001, "n": 3}) == [("n", 2, 3)]
    assert observed({"loss": 1.0}, {"loss": 1.2}, tolerance=0.5) == []
    assert observed({"loss": 1.0}, {"loss": 1.00001}, tolerance=0) == [("loss", 1.0, 1.00001)]


def test_a_value_that_came_or_went_even_if_it_is_null() -> None:
    assert observed({"a": 1}, {"b": None}) == [("a", 1, None), ("b", None, None)]
    assert observed({"a": None}, {"a": None}) == []


def test_observations_are_compared_only_where_the_outcome_agrees_and_was_judged() -> None:
    before = [result(case, Verdict.PASS, observations={"n": 1}) for case in ("a", "b")]
    after = [
        result("a", Verdict.FAIL, "X", observations={"n": 2}),
        result("b", Verdict.PASS, observations={"n": 1}),
    ]
    assert compare.compare_runs(run(*before), run(*after)).observed == ()
    one, two = (run(result("a", Verdict.ERROR, observations={"n": n})) for n in (1, 2))
    assert compare.compare_runs(one, two).observed == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


@settings(deadline=None)
@given(VALUES, VALUES, st.sampled_from([0.0, 1e-4, 0.5]))
def test_to_differ_is_symmetric_and_a_wider_tolerance_finds_no_more(
    one: Json, two: Json, tolerance: float
) -> None:
    assert differs(one, two, tolerance) == differs(two, one, tolerance)
    assert differs(one, two, tolerance) >= differs(one, two, 1.0)


def test_integers_are_compared_exactly_unless_a_tolerance_is_given() -> None:
    changed = observed({"token": 30521, "size": 25582000}, {"token": 30522, "size": 25583592})
    assert changed == [("token", 30521, 30522), ("size", 25582000, 25583592)]
    assert observed({"token": 30521}, {"token": 30522}, tolerance=1e-3) == []
    assert observed({"tokens": [30521]}, {"tokens": [30522]}) == [("tokens", [30521], [30522])]
    assert observed({"loss": 30521.0}, {"loss": 30522.0}) == []


def test_what_is_not_a_number_is_like_nothing_but_itself() -> None:
    nan = float("nan")
    assert differs(nan, 1.0)
    assert differs(1.0, nan, 0.5)
    assert not differs(nan, nan)
    assert differs("NaN", 1.0)
    assert differs([1.0, 2.0], [1.0, 2.0, 3.0])


def test_integers_too_large_for_floats() -> None:
    assert differs(10**400, 1.0)
    assert not differs(10**400, 10**400)


@pytest.mark.parametrize("given", ["nan", "inf", "-1"])
def test_a_tolerance_is_a_distance(capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert cli.execute(["diff", "one", "two", "--tolerance", given]) == 2
    assert "--tolerance" in capsys.readouterr().err


# --- The command -----------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.chdir(tmp_path)

    def write_(name: str, *results: Result) -> None:
        log = journal.Journal(tmp_path / name, run())
        for one in results:
            log.append(one, "")
        log.close()

    return write_


def test_what_differs_is_said_by_kind_and_by_exit_code(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    same = result("same", Verdict.PASS, observations={"loss": 0.5})
    write("old", result("a", Verdict.PASS), same)
    write("new", result("a", Verdict.FAIL, "X\x1b[31m"), same, result("b", Verdict.SKIP))
    assert cli.execute(["diff", "old", "new"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "changed:",
        "  r/a on 2.9.3 cpu: pass → fail (X)",
        "came:",
        "  r/b on 2.9.3 cpu: not there → skip",
        "2 cells in both runs, 1 in one of them only",
        "1 cell agrees in outcome and signature, 2 differ",
    ]


def test_cells_that_were_not_judged_agree_about_nothing(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [result("a", Verdict.ERROR), result("b", Verdict.SKIP), result("c", Verdict.PASS)]
    write("old", *cells)
    write("new", *cells)
    assert cli.execute(["diff", "old", "new"]) == 0
    assert capsys.readouterr().out == (
        "1 cell agrees in outcome and signature, 0 differ; 2 not judged in either\n"
    )


def on_two(name: str, write: Callable[..., None]) -> None:
    values = {"2.15.1": 0.5, "2.16.2": 0.25}
    write(
        name,
        *(result("a", Verdict.PASS, tf=tf, observations={"loss": v}) for tf, v in values.items()),
        result("b", Verdict.PASS, tf="2.15.1"),
        result("b", Verdict.FAIL, "X", tf="2.16.2"),
        result("c", Verdict.PASS, tf="2.16.1"),
    )


@pytest.mark.parametrize("names", [("2.15.1", "2.16.2"), ("2.15", "2.16.2")])
def test_two_releases_of_the_newest_run_or_of_one_that_is_named(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str], names: tuple[str, str]
) -> None:
    on_two("results/latest", write)
    on_two("mine", write)
    for more in ((), ("--run", "mine")):
        assert cli.execute(["diff", *names, *more]) == 1
        assert capsys.readouterr().out.splitlines() == [
            "changed:",
            "  r/b on 2.15.1 → 2.16.2 cpu: pass → fail (X)",
            "observations that differ where outcome and signature agree:",
            "  r/a on 2.15.1 → 2.16.2 cpu: loss: 0.5 → 0.25",
            "1 cell agrees in outcome and signature, 1 differ",
        ]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("2.15", "2.17"), "has no release 2.17; there are: 2.15.1, 2.16.1, 2.16.2"),
        (("2.15", "2.16"), "has several versions of 2.16; there are: 2.16.1, 2.16.2"),
        (("2.15", "results/latest"), "no run '2.15'"),
        (("2.15", "x", "--run", "nowhere"), "no run 'nowhere'"),
    ],
)
def test_releases_that_the_run_does_not_have(
    write: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    names: tuple[str, ...],
    why: str,
) -> None:
    on_two("results/latest", write)
    assert cli.execute(["diff", *names]) == 2
    assert why in capsys.readouterr().err


def test_a_run_may_have_a_version_as_its_name(write: Callable[..., None]) -> None:
    for name in ("2.15", "2.16"):
        write(name, result("a", Verdict.PASS))
    assert cli.execute(["diff", "2.15", "2.16"]) == 0


def test_what_was_only_inferred_is_not_compared(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    same = result("same", Verdict.PASS)
    measured = [result(case, Verdict.PASS, observations={"n": 1}) for case in "abc"]
    inferred = [
        result(case, verdict, inferred=("2.8", "2.10"))
        for case, verdict in zip("abd", (Verdict.PASS, Verdict.FAIL, Verdict.PASS))
    ]
    write("old", same, *measured)
    write("new", same, *inferred)
    assert cli.execute(["diff", "old", "new"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "went:",
        "  r/c on 2.9.3 cpu: pass → not there",
        "3 cells were only inferred in one of the runs: not compared",
        "1 cell in both runs, 1 in one of them only",
        "1 cell agrees in outcome and signature, 1 differ",
    ]


def test_values_count_only_when_asked_for(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", result("a", Verdict.PASS, observations={"loss": 0.5, "n": None}))
    write("new", result("a", Verdict.PASS, observations={"loss": 0.25}))
    assert cli.execute(["diff", "old", "new"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "observations that differ where outcome and signature agree:",
        "  r/a on 2.9.3 cpu: loss: 0.5 → 0.25",
        "  r/a on 2.9.3 cpu: n: null → not there",
        "1 cell agrees in outcome and signature, 0 differ",
    ]
    assert cli.execute(["diff", "old", "new", "--observations"]) == 1
    write("old2", result("a", Verdict.PASS, observations={"loss": 0.25001}))
    assert cli.execute(["diff", "old2", "new", "--observations"]) == 0
    assert cli.execute(["diff", "old2", "new", "--observations", "--tolerance", "1e-6"]) == 1
