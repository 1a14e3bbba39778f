"""The search against brute force, what "bad" can mean, votes, and the words of the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import cli
from runner.bisect import answer, criteria, votes
from runner.bisect.answer import Side
from runner.bisect.bisect import Boundary, boundary, foreseen, next_look
from runner.errors import UsageError
from runner.model import EnvironmentInfo, Outcome, Result, Verdict

Row = list[Optional[bool]]
GOLDEN = Path(__file__).parents[1] / "golden" / "bisect"


def search(row: Row, coarse: Sequence[int] = ()) -> tuple[Optional[Boundary], dict[int, Any]]:
    known: dict[int, Optional[bool]] = {}
    while (look := next_look(known, len(row), coarse)) is not None:
        assert look not in known, "looked at twice"
        known[look] = row[look]
    return boundary(known, len(row), coarse), known


@st.composite
def rows(draw: st.DrawFn, unknown: bool = True) -> Row:
    """NO … NO YES … YES with both ends as claimed; some between cannot be judged."""
    before, after = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    row: Row = [at >= before for at in range(before + after)]
    if unknown:
        hidden = draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
        row = [None if hide else found for hide, found in zip(hidden, row)]
    return [False, *row, True]


@st.composite
def tiers(draw: st.DrawFn, count: int) -> list[int]:
    return sorted(draw(st.sets(st.integers(0, count - 1))))


@given(st.data(), rows())
def test_the_search_agrees_with_looking_everywhere(data: st.DataObject, row: Row) -> None:
    first_yes = row.index(True)
    last_no = max(at for at, found in enumerate(row) if found is False)
    found, _ = search(row, data.draw(tiers(len(row))))
    assert found == Boundary(
        last_no=last_no, first_yes=first_yes, unknown=tuple(range(last_no + 1, first_yes))
    )


@given(st.data(), st.lists(st.sampled_from([True, False, None]), min_size=2, max_size=40))
def test_it_never_claims_more_than_it_saw(data: st.DataObject, row: Row) -> None:
    """Also where answers come and go along the row."""
    found, known = search(row, data.draw(tiers(len(row))))
    if found is None:
        assert row[-1] is not True or row[0] is not False
        return
    assert known[found.last_no] is False
    assert known[found.first_yes] is True
    assert all(known[at] is None for at in found.unknown)
    assert (found.last_no, *found.unknown, found.first_yes) == tuple(
        range(found.last_no, found.first_yes + 1)
    )


@given(rows(unknown=False))
def test_where_all_can_be_judged_it_takes_the_fewest_looks(row: Row) -> None:
    _, known = search(row)
    assert len(known) <= math.ceil(math.log2(len(row))) + 2


@given(rows(unknown=False), st.integers(1, 7))
def test_series_first_takes_hardly_more(row: Row, patches: int) -> None:
    coarse = list(range(patches - 1, len(row), patches))
    _, known = search(row, coarse)
    series, inside = math.log2(len(coarse) + 1), math.log2(patches)
    assert len(known) <= math.ceil(series) + math.ceil(inside) + 2


def test_coarse_positions_come_first() -> None:
    known: dict[int, Optional[bool]] = {11: True, 0: False}
    looks = []
    while (look := next_look(known, 12, (2, 5, 8))) is not None:
        looks.append(look)
        known[look] = look >= 4
    assert looks == [5, 2, 3, 4]


def test_a_block_that_cannot_be_judged_is_left_quickly() -> None:
    row: Row = [False] * 10 + [None] * 30 + [True] * 60
    _, known = search(row)
    block = [at for at in range(10, 40) if at in known]
    assert len(block) == 30  # the answer names all of them, so each was looked at
    assert len(known) - len(block) <= 14


@given(st.data(), rows())
def test_what_comes_next_is_foreseen(data: st.DataObject, row: Row) -> None:
    known: dict[int, Optional[bool]] = {}
    coarse = data.draw(tiers(len(row)))
    while (look := next_look(known, len(row), coarse)) is not None:
        ahead = foreseen(known, len(row), look, coarse)
        known[look] = row[look]
        following = next_look(known, len(row), coarse)
        assert row[look] is None or following is None or following in ahead


@pytest.mark.parametrize("row", [[False, True, False], [True, False, True], [None, True]])
def test_ends_that_are_not_as_claimed_end_the_search(row: Row) -> None:
    found, known = search(row)
    assert found is None
    assert len(known) <= 2


# --- What bad means --------------------------------------------------------------------------


def result(
    verdict: Verdict = Verdict.FAIL,
    signature: Optional[str] = "ValueError: no such luck",
    version: str = "2.9.1",
    reason: str = "",
    **observations: Any,
) -> Result:
    return Result(
        repro="r",
        case="default",
        tensorflow=version,
        python="3.10",
        device="cpu",
        environment=f"{version}-py3.10-cpu",
        outcome=Outcome(verdict=verdict, signature=signature, reason=reason),
        observations=observations,
    )


PASSED = result(Verdict.PASS, None)
CRASHED = result(Verdict.CRASH, "SIGSEGV")


@pytest.mark.parametrize(
    ("on", "bad", "good"),
    [
        (None, result(), PASSED),
        (None, CRASHED, PASSED),
        ("fail", result(), CRASHED),
        ("crash", CRASHED, result()),
        ("timeout", result(Verdict.TIMEOUT, "timeout"), result()),
        ("oom", result(Verdict.OOM, "out of memory"), PASSED),
        ("signature:such luck", result(), CRASHED),
        ("signature:a: b", result(signature="a: b"), PASSED),
        ("observation:loss>0.5", result(loss=0.7), result(loss=0.5)),
        ("observation:loss >= 0.5", result(loss=0.5), result(loss=0)),
        ("observation:loss<1", result(loss=-1), result(loss=1)),
        ("observation:loss<=1e-3", result(loss=0.001), result(loss=1)),
        ("observation:kind=='x'", result(kind="x"), result(kind="y")),
        ('observation:kind!="x"', result(kind=None), result(kind="x")),
        ("observation:kind==x", result(kind="x"), result(kind="y")),
        ("observation:shape==[2, 3]", result(shape=[2, 3.0]), result(shape=[2, True])),
        ("observation:shape==(2, 3)", result(shape=[2, 3]), result(shape=[2])),
        ("observation:flag==true", result(flag=True), result(flag=1)),
        ("observation:flag==False", result(flag=False), result(flag=0)),
        ('observation:both=={"a": 1}', result(both={"a": 1.0}), result(both={"a": 1, "b": 2})),
    ],
)
def test_what_is_bad(on: Optional[str], bad: Result, good: Result) -> None:
    judge = criteria.parse(on).judge
    assert (judge(bad), judge(good)) == (True, False)


@pytest.mark.parametrize("on", [None, "fail", "signature:x", "observation:loss>0"])
@pytest.mark.parametrize("verdict", [Verdict.SKIP, Verdict.ERROR])
def test_what_was_not_judged_is_neither(on: Optional[str], verdict: Verdict) -> None:
    assert criteria.parse(on).judge(result(verdict, "x", loss=1)) is None


def test_an_observation_that_is_missing_or_no_number_is_neither() -> None:
    judge = criteria.parse("observation:loss>0.5").judge
    assert judge(PASSED) is None
    assert judge(result(loss="high")) is None
    assert judge(result(loss=True)) is None


@pytest.mark.parametrize(
    "on",
    [
        "failure",
        "pass",
        "skip",
        "signature:",
        "signature",
        "observation:",
        "observation:loss",
        "observation:>1",
        "observation:loss<high",
        "observation:loss>",
    ],
)
def test_what_cannot_be_meant_is_refused(on: str) -> None:
    with pytest.raises(UsageError, match="--on"):
        criteria.parse(on)


def test_an_expression_is_never_evaluated(tmp_path: Path) -> None:
    trap = f"__import__('pathlib').Path({str(tmp_path / 'x')!r}).touch()"
    assert criteria.parse(f"observation:loss=={trap}").judge(result(loss=trap)) is True
    assert not (tmp_path / "x").exists()


# --- Votes -----------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 9))
def test_votes_end_early_and_decide_as_all_runs_would(data: st.DataObject, runs: int) -> None:
    ballots = votes.Votes(need=data.draw(st.integers(1, runs)), runs=runs)
    every = data.draw(st.lists(st.sampled_from([True, False, None]), min_size=runs, max_size=runs))
    cut = next(n for n in range(runs + 1) if ballots.settled(every[:n]))
    assert ballots.decide(every[:cut]) == ballots.decide(every)
    assert (ballots.decide(every) is True) == (every.count(True) >= ballots.need)
    if None not in every:
        assert ballots.decide(every) is not None


def test_a_repeat_is_a_number_or_a_part_of_it() -> None:
    assert votes.parse("5") == votes.Votes(need=3, runs=5)
    assert votes.parse("4") == votes.Votes(need=3, runs=4)
    assert votes.parse("1/5") == votes.Votes(need=1, runs=5)


@pytest.mark.parametrize("text", ["0", "3/2", "0/2", "-1", "x", "", "1/", "2000"])
def test_a_repeat_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected N or K/N"):
        votes.parse(text)


# --- The answer ------------------------------------------------------------------------------


def side(found: Result, *packages: str, votes: str = "") -> Side:
    environment = EnvironmentInfo(
        id=found.environment,
        tensorflow=found.tensorflow,
        python=found.python,
        device="cpu",
        engine="local",
        key="k",
        image=None,
        packages=packages,
    )
    return Side(result=found, environment=environment, votes=votes)


def test_the_answer(golden: Callable[[Path, str], None]) -> None:
    before = side(
        result(Verdict.PASS, None, "2.9.0", loss=0.25, only_before=[1]),
        *("numpy==1.22.4", "six==1.16.0", "keras==2.9.0"),
    )
    after = side(
        result(signature="ValueError: " + "a rather long message " * 4, loss=0.75),
        *("numpy==1.23.0", "six==1.16.0", "wheel==1"),
        votes="bad in 2 of 3 runs",
    )
    told = [
        answer.sentence("bad", before, after, []),
        answer.sentence("bad", before, after, ["2.9.0.post1"], "loss"),
        answer.sentence("good", before, after, ["2.8.1", "2.8.2", "2.8.3"]),
        answer.evidence(before, after),
    ]
    golden(GOLDEN / "answer.txt", "\n\n".join(told) + "\n")


def test_a_reason_cannot_write_on_the_terminal() -> None:
    odd = result(Verdict.SKIP, None, reason="\x1b[2Jnot\there\u202e")
    said = answer.shows(Side(result=odd, environment=None))
    assert said == "2.9.1 could not be judged ( [2Jnot here )"


# --- The command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--good", "2.9", "--bad", "2.9.3"], "both --good and --bad"),
        (["--good", "2.9"], "--bad"),
        (["--good", "2.9.17", "--bad", "2.12"], "2.9.17"),
        (["--good", ">=2.9", "--bad", "2.12"], "--good >=2.9 names"),
        (
            ["--good", "2.9", "--bad", "2.12", "--case", "one", "--find", "fix"],
            "needs the bad release",
        ),
        (
            ["--good", "2.12", "--bad", "2.9", "--case", "one", "--find", "regression"],
            "needs the good release",
        ),
        (["--good", "2.9", "--bad", "2.12", "--on", "bad"], "--on bad"),
        (["--good", "2.9", "--bad", "2.12", "--repeat", "some"], "--repeat some"),
        (["--good", "2.9", "--bad", "2.12", "--case", "three"], "one, two"),
        (["--good", "2.9", "--bad", "2.12"], "choose one with --case: one, two"),
    ],
)
def test_wrong_use_is_said_before_anything_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    part: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text("", "utf-8")
    (tmp_path / "matrix.yaml").write_text(
        "repros: [{name: mine, script: my.py, cases: [{name: one}, {name: two}]}]\n", "utf-8"
    )
    assert cli.execute(["bisect", "my.py", *arguments]) == 2
    assert part in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
