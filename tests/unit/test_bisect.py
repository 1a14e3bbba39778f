"""The search against brute force, what "bad" can mean, votes, and the words of the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import cli
from runner.bisect import answer, criteria
from runner.bisect.answer import Neighbour
from runner.bisect.bisect import Boundary, boundary, next_look
from runner.bisect.search_range import ChangePoint
from runner.bisect.search_range import SearchRange as Releases
from runner.cells.flakiness import votes
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
    releases = data.draw(named_ends(len(row), data.draw(tiers(len(row)))))
    while (look := releases.next_look(known)) is not None:
        ahead = releases.foreseen(known, look)
        known[look] = row[look]
        following = releases.next_look(known)
        assert row[look] is None or following is None or following in ahead


# --- Ends that are not named -----------------------------------------------------------------


@st.composite
def named_ends(draw: st.DrawFn, count: int, coarse: Sequence[int]) -> Releases:
    """Releases that get worse: both ends are named, one, or none."""
    good, bad = draw(st.sampled_from([(0, count - 1), (0, None), (None, count - 1), (None, None)]))
    return Releases(count=count, coarse=coarse, good=good, bad=bad)


@st.composite
def one_change(draw: st.DrawFn) -> Row:
    """Good, then bad, or the other way round; perhaps one of them alone, or hardly judged."""
    count, turn = draw(st.integers(1, 40)), draw(st.integers(0, 40))
    to_bad = draw(st.booleans())
    hidden = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return [None if hidden[at] else (at >= turn) is to_bad for at in range(count)]


def look_until_over(releases: Releases, row: Row, known: Sequence[int] = ()) -> dict[int, Any]:
    answers: dict[int, Optional[bool]] = {at: row[at] for at in known}
    while (look := releases.next_look(answers)) is not None:
        assert look not in answers, "looked at twice"
        answers[look] = row[look]
    return answers


def expected(row: Row) -> Optional[ChangePoint]:
    """What looking everywhere finds where there is one change at most."""
    judged = [at for at, bad in enumerate(row) if bad is not None]
    pairs = [(a, b) for a, b in zip(judged, judged[1:]) if row[a] is not row[b]]
    if not pairs:
        return None
    ((before, after),) = pairs
    between = tuple(range(before + 1, after))
    return ChangePoint(before=before, after=after, unknown=between, to_bad=row[after] is True)


@given(one_change(), st.data())
def test_without_ends_it_finds_what_looking_everywhere_finds(row: Row, data: st.DataObject) -> None:
    known = data.draw(st.sets(st.integers(0, len(row) - 1)))
    releases = Releases(count=len(row))
    answers = look_until_over(releases, row, sorted(known))
    found = releases.change(answers)
    assert found == expected(row)
    assert found is None or found.contradictions(answers) == ()


@given(one_change(), st.booleans())
def test_one_end_is_enough(row: Row, good: bool) -> None:
    """A good end is the oldest of its row, a bad one the newest."""
    named = Releases(count=len(row), good=0) if good else Releases(count=len(row), bad=len(row) - 1)
    answers = look_until_over(named, row)
    as_said = row[0] is False if good else row[-1] is True
    assert named.change(answers) == (expected(row) if as_said else None)
    assert (named.wrong_end(answers) is None) is as_said


@given(st.lists(st.sampled_from([True, False, None]), min_size=2, max_size=9), st.booleans())
def test_a_wrong_end_is_told_by_both(row: Row, rising: bool) -> None:
    """Swapped ends are seen whenever both can be judged, and a judged end says that it is wrong."""
    older, newer = 0, len(row) - 1
    good, bad = (older, newer) if rising else (newer, older)
    named = Releases(count=len(row), good=good, bad=bad)
    answers = look_until_over(named, row)
    assert named.is_swapped(answers) is (row[good] is True and row[bad] is False)
    wrong = named.wrong_end(answers)
    assert (wrong is None) is (row[good] is False and row[bad] is True)
    if wrong is not None:
        assert set(answers) <= {older, newer}
        judged = {at for at, right in ((good, False), (bad, True)) if answers.get(at) is not right}
        judged = {at for at in judged if answers.get(at) is not None}
        assert wrong in judged or not judged


@given(st.data(), st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=40))
def test_whatever_comes_and_goes_it_claims_no_more_than_it_saw(
    data: st.DataObject, row: Row
) -> None:
    releases = data.draw(named_ends(len(row), data.draw(tiers(len(row)))))
    if releases.good == releases.bad == 0:
        return
    known = data.draw(st.sets(st.integers(0, len(row) - 1)))
    answers = look_until_over(releases, row, sorted(known))
    found = releases.change(answers)
    if found is not None:
        assert answers[found.before] is (not found.to_bad)
        assert answers[found.after] is found.to_bad
        assert all(answers[at] is None for at in found.unknown)
        assert found.unknown == tuple(range(found.before + 1, found.after))
        against = {
            at for at, bad in answers.items() if bad is (found.to_bad is (at <= found.before))
        }
        assert set(found.contradictions(answers)) == against


@given(st.integers(1, 200), st.integers(0, 200))
def test_walking_back_takes_few_looks(count: int, turn: int) -> None:
    row: Row = [at >= turn for at in range(count)]
    answers = look_until_over(Releases(count=count), row)
    assert len(answers) <= 2 * math.log2(count) + 4


def test_it_walks_back_from_the_newest_in_growing_steps() -> None:
    row: Row = [at >= 3 for at in range(32)]
    answers = look_until_over(Releases(count=32), row)
    assert list(answers)[:6] == [31, 30, 28, 24, 16, 0]


def test_whole_series_are_their_newest_patches_and_the_ends_that_are_named() -> None:
    row = Releases(count=9, coarse=(2, 5, 8))
    assert row.only_coarse() == (Releases(count=3), (2, 5, 8))
    named = Releases(count=9, coarse=(2, 5, 8), good=0, bad=7)
    assert named.only_coarse() == (Releases(count=5, good=0, bad=3), (0, 2, 5, 7, 8))
    assert Releases(count=2).only_coarse() == (Releases(count=2), (0, 1)), "not all are versions"


def test_a_history_that_comes_and_goes_is_told() -> None:
    row: Row = [False, True, False, True]
    releases = Releases(count=4, good=0, bad=3)
    answers = look_until_over(releases, row, [2])
    found = releases.change({**answers, 1: True})
    assert found == ChangePoint(before=0, after=1, unknown=(), to_bad=True)
    assert found.contradictions({**answers, 1: True}) == (2,)


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
    judge = criteria.parse_criterion(on).judge
    assert (judge(bad), judge(good)) == (True, False)


@pytest.mark.parametrize("on", [None, "fail", "signature:x", "observation:loss>0"])
@pytest.mark.parametrize("verdict", [Verdict.SKIP, Verdict.ERROR])
def test_what_was_not_judged_is_neither(on: Optional[str], verdict: Verdict) -> None:
    assert criteria.parse_criterion(on).judge(result(verdict, "x", loss=1)) is None


def test_an_observation_that_is_missing_or_no_number_is_neither() -> None:
    judge = criteria.parse_criterion("observation:loss>0.5").judge
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
        criteria.parse_criterion(on)


@pytest.mark.parametrize("word", ["fail", "crash", "timeout", "oom"])
def test_bad_names_an_outcome_as_on_does(word: str) -> None:
    assert criteria.is_criterion(word)
    assert not criteria.is_criterion("2.9.3")


@pytest.mark.parametrize("on", ["observation:los>0.5", "los > 0.5", "growth(los) > 0.5"])
def test_a_misspelled_observation_is_told_from_one_that_is_missing(on: str) -> None:
    criterion = criteria.parse_criterion(on)

    def why(found: Result, *words: str) -> str:
        return criterion.why_never_observed(found, lambda word: word in words)

    assert why(result(loss=0.5)).endswith("observed no los; did you mean loss?")
    assert why(result(accuracy=0.5)).endswith("observed no los, only accuracy")
    assert "a script observes NAME with a line ::observe" in why(PASSED)
    assert why(result(loss=0.5, los=0.5)) == ""
    assert why(result(loss=0.5), "los") == "", "another release may print it"
    assert why(result()) == "", "it may have ended before it printed anything"


@pytest.mark.parametrize("on", ["rss_mb > 900", "seconds > 3", "fail", None])
def test_a_criterion_without_an_observation_misses_none(on: Optional[str]) -> None:
    assert criteria.parse_criterion(on).why_never_observed(PASSED, lambda _: False) == ""


def test_an_expression_is_never_evaluated(tmp_path: Path) -> None:
    trap = f"__import__('pathlib').Path({str(tmp_path / 'x')!r}).touch()"
    assert criteria.parse_criterion(f"observation:loss=={trap}").judge(result(loss=trap)) is True
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
    assert votes.parse_votes("5") == votes.Votes(need=3, runs=5)
    assert votes.parse_votes("4") == votes.Votes(need=3, runs=4)
    assert votes.parse_votes("1/5") == votes.Votes(need=1, runs=5)


@pytest.mark.parametrize("text", ["0", "3/2", "0/2", "-1", "x", "", "1/", "2000"])
def test_a_repeat_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected N or K/N"):
        votes.parse_votes(text)


# --- The answer ------------------------------------------------------------------------------


def side(found: Result, *packages: str, votes: str = "") -> Neighbour:
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
    return Neighbour(result=found, environment=environment, votes=votes)


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
        answer.release_sentence("bad", before, after, []),
        answer.release_sentence("bad", before, after, ["2.9.0.post1"], "loss"),
        answer.release_sentence("good", before, after, ["2.8.1", "2.8.2", "2.8.3"]),
        answer.series_sentence("bad", before, after, ("2.8", "2.9")),
        answer.series_sentence("bad", before, after, ("2.9", "2.9")),
        answer.series_sentence("bad", before, after, ("2.6", "2.9"), ["2.7", "2.8"]),
        answer.contradiction("bad", "2.9.1", ["2.3.4"], ["2.10.1", "2.11.1"]),
        answer.contradiction("good", "2.9.1", [], ["2.10.1"]),
        answer.evidence(before, after),
    ]
    golden(GOLDEN / "answer.txt", "\n\n".join(told) + "\n")


def test_a_reason_cannot_write_on_the_terminal() -> None:
    odd = result(Verdict.SKIP, None, reason="\x1b[2Jnot\there\u202e")
    said = answer.result_clause(Neighbour(result=odd, environment=None))
    assert said == "2.9.1 is skipped ( [2Jnot here )"


def test_releases_of_parallel_branches_are_told() -> None:
    def released(version: str, day: str) -> Neighbour:
        bare = side(result(version=version))
        assert bare.environment is not None
        return evolve(bare, environment=evolve(bare.environment, released=day))

    older, newer = released("2.4.4", "2021-11-04"), released("2.5.0", "2021-05-13")
    said = answer.dates_disagree(older, newer)
    assert said.startswith("2.4.4 came out later than 2.5.0 (2021-11-04, 2021-05-13)")
    assert answer.dates_disagree(newer, released("2.5.1", "2021-08-11")) == ""


# --- The command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--good", "2.9", "--bad", "2.9.3"], "both --good and --bad"),
        (["--good", "1.22", "--axis", "numpy", "--tf", "2.9"], "--axis needs both ends"),
        (["--good", "2.9", "--case", "one", "--find", "fix"], "--find needs both ends"),
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
        (["--bad", "2.9 > 5"], "expected the name of a value, not '2.9'"),
        (["--bad", "fial"], "--bad fial: expected one release, such as 2.9.3, or what counts as"),
        (["--good", "fail"], "--good fail: expected one release, such as 2.9.3\n"),
        (["--tf", "2.9"], "--tf 2.9: --good and --bad name the ends of the search, not --tf,"),
        (["--axis", "numpy"], "--axis NAME needs --tf VERSION, the release of TensorFlow to use\n"),
        (["--bad", "crash", "--on", "fail"], "--bad 'crash' and --on both say what counts as"),
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
