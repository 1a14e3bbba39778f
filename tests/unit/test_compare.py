"""Two runs → what differs."""

from __future__ import annotations

from runner import compare
from runner.model import Outcome, Result, Run, RunInfo, Verdict


def result(case: str, verdict: Verdict, signature: str | None = None, tf: str = "2.9.3") -> Result:
    return Result(
        repro="r",
        case=case,
        tensorflow=tf,
        python="3.10",
        device="cpu",
        environment=f"{tf}-py3.10-cpu",
        outcome=Outcome(verdict=verdict, signature=signature, reason="is not compared"),
    )


def run(*results: Result) -> Run:
    info = RunInfo(id="x", started="", engine="local", tool_version="0", command="")
    return Run(info=info, environments=(), results=results)


def test_equal_verdicts_with_other_signatures_differ() -> None:
    before = run(result("a", Verdict.FAIL, "X"), result("b", Verdict.PASS))
    after = run(result("a", Verdict.FAIL, "Y"), result("b", Verdict.PASS))
    comparison = compare.runs(before, after)
    assert comparison.agreeing == 1
    assert [
        (c.case, c.before and c.before.signature, c.after and c.after.signature)
        for c in comparison.changes
    ] == [("a", "X", "Y")]


def test_cells_that_came_and_went() -> None:
    comparison = compare.runs(run(result("old", Verdict.PASS)), run(result("new", Verdict.PASS)))
    assert [(c.case, c.before is None, c.after is None) for c in comparison.changes] == [
        ("old", False, True),
        ("new", True, False),
    ]
