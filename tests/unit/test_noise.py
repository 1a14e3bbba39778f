"""Noisy values: the tests against brute force, the budget, the sampler, histories, the grammar."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import noise
from runner import cli
from runner.bisect import criteria, values
from runner.bisect.sampler import Evidence, Sampler
from runner.bisect.search_range import SearchRange
from runner.cells.flakiness.evidence import (
    MOST_RUNS,
    WRONG,
    Budget,
    Judgement,
    Question,
    decide,
    rank_sum_chance,
    sign_chance,
)
from runner.errors import UsageError
from runner.model import Outcome, Result, Verdict

RELATIVE = Question(limit=1.2, relative=True)
BOUND = Question(limit=0.5, relative=False)

# --- The tests -------------------------------------------------------------------------------

few = st.lists(st.integers(0, 9), min_size=1, max_size=5)


@given(few, few)
def test_the_rank_sum_is_that_of_all_choices(high: list[int], low: list[int]) -> None:
    """With equal values too, which share their ranks."""
    pooled = [*high, *low]
    ranks = [sum(v < o for v in pooled) + (sum(v == o for v in pooled) + 1) / 2 for o in pooled]
    sums = [sum(choice) for choice in itertools.combinations(ranks, len(high))]
    expected = sum(each >= sum(ranks[: len(high)]) for each in sums) / len(sums)
    assert rank_sum_chance(high, low) == pytest.approx(expected)


@pytest.mark.parametrize(("runs", "chance"), [(3, 0.05), (4, 0.0143), (5, 0.004), (6, 0.0011)])
def test_the_chance_that_all_of_one_lie_above_all_of_the_other(runs: int, chance: float) -> None:
    high, low = range(runs, 2 * runs), range(runs)
    assert rank_sum_chance(high, low) == pytest.approx(chance, abs=5e-5)
    assert RELATIVE.smallest_chance(runs) == pytest.approx(rank_sum_chance(high, low))
    assert rank_sum_chance(low, high) == 1


def test_the_critical_values_of_published_tables() -> None:
    """Mann–Whitney, one-sided: U ≤ 27 at 5 % and U ≤ 19 at 1 % with ten values each."""
    for limit, level in ((27, 0.05), (19, 0.01)):
        at, beyond = (rank_sum_chance(*_with_u(10, u)) for u in (limit, limit + 1))
        assert at <= level < beyond


def _with_u(count: int, u: int) -> tuple[list[float], list[float]]:
    """Two samples in which `u` pairs have the higher value in the second."""
    low: list[float] = list(range(count))
    high = [count - 0.5 + at / 100 for at in range(count)]
    for at in range(count):
        moved = min(u, count)
        high[at] -= moved
        u -= moved
    return high, low


@given(st.integers(1, 12))
def test_the_sign_test_is_that_of_all_sides(runs: int) -> None:
    sides = [sum(each) for each in itertools.product((0, 1), repeat=runs)]
    for above in range(runs + 1):
        assert sign_chance(above, runs) == sum(each >= above for each in sides) / len(sides)
    assert BOUND.smallest_chance(runs) == sign_chance(runs, runs)


@given(st.lists(st.floats(1, 9), min_size=4, max_size=8), st.lists(st.floats(1, 9), min_size=4))
def test_the_other_direction_is_the_mirror_image(one: list[float], good: list[float]) -> None:
    for question in (RELATIVE, Question(limit=5, relative=False)):
        turned = Question(limit=-question.limit, relative=False, below=True)
        if question.relative:
            turned = Question(limit=question.limit, relative=True, below=True)
        mirror = [-each for each in one], [-each for each in good]
        assert turned.chances(*mirror) == pytest.approx(question.chances(one, good))


def test_neither_is_said_where_the_chance_is_above_the_level() -> None:
    assert decide((0.01, 0.9), 0.01) is Judgement.BAD
    assert decide((0.9, 0.01), 0.01) is Judgement.GOOD
    assert decide((0.011, 0.9), 0.01) is Judgement.AMBIGUOUS
    assert decide((1.0, 1.0), 0.5) is Judgement.AMBIGUOUS


# --- The budget ------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, MOST_RUNS), st.sampled_from([RELATIVE, BOUND]))
def test_all_looks_of_a_search_risk_less_than_is_said(
    planned: int, most: int, question: Question
) -> None:
    budget = Budget(planned=planned, most=most)
    levels = [level for at in range(20 * planned) for _, level in budget.looks(question, at)]
    assert sum(levels) < WRONG
    assert sum(levels[: len(list(budget.looks(question, 0)))]) <= WRONG / planned


def test_the_first_look_can_decide_and_the_last_is_the_bound() -> None:
    looks = list(Budget(planned=8).looks(RELATIVE, 0))
    assert [runs for runs, _ in looks] == [6, 12, 24]
    assert RELATIVE.smallest_chance(6) <= looks[0][1] < RELATIVE.smallest_chance(5)
    assert [runs for runs, _ in Budget(planned=8, most=20).looks(RELATIVE, 0)] == [6, 12, 20]
    assert [runs for runs, _ in Budget(planned=8).looks(BOUND, 0)] == [9, 18, 36]


def test_a_search_looks_at_no_more_than_is_planned() -> None:
    assert SearchRange(count=26, good=0, bad=25).most_looks() == 7
    assert SearchRange(count=26, good=25, bad=0).most_looks() == 7
    assert SearchRange(count=1).most_looks() == 1


# --- The sampler -----------------------------------------------------------------------------


class Simulated:
    """Values of releases, and the order in which they ran."""

    def __init__(self, **runs: Sequence[Optional[float]]) -> None:
        self.order: list[int] = []
        self._runs = {int(at[1:]): itertools.cycle(each) for at, each in runs.items()}

    def __call__(self, at: int) -> Optional[float]:
        self.order.append(at)
        return next(self._runs[at])

    def sampler(self, question: Question, good: Optional[int] = None, most: int = 5) -> Sampler:
        budget = Budget(planned=2, most=most)
        return Sampler(question=question, budget=budget, draw=self, good=good)


def test_good_and_candidate_run_in_turns_after_a_first_run_that_is_not_counted() -> None:
    simulated = Simulated(r0=[100.0], r3=[200.0])
    sampler = simulated.sampler(RELATIVE, good=0)
    assert sampler.judge(0) == Evidence(judgement=Judgement.GOOD, question=RELATIVE)
    found = sampler.judge(3)
    assert (found.judgement, found.answer) == (Judgement.BAD, True)
    assert found.values == (200.0,) * 5
    assert found.good == (100.0,) * 5
    assert simulated.order == [0, 3, *(0, 3, 3, 0, 0, 3, 3, 0, 0, 3)]
    assert found.words == "5 runs from 200 to 200, limit 120 (1.2 × 100)"


def test_the_good_release_runs_anew_for_each_candidate() -> None:
    simulated = Simulated(r0=[100.0], r3=[200.0], r2=[100.0])
    sampler = simulated.sampler(RELATIVE, good=0)
    assert [sampler.judge(at).answer for at in (3, 2)] == [True, False]
    assert simulated.order.count(0) == 1 + 5 + 5


def test_ambiguous_is_neither() -> None:
    simulated = Simulated(r0=[100.0], r3=[100.0, 150.0])
    found = simulated.sampler(RELATIVE, good=0, most=12).judge(3)
    assert (found.judgement, found.answer, found.ambiguous) == (Judgement.AMBIGUOUS, None, True)
    assert len(found.values) == 12
    assert found.chance is not None
    assert found.chance > WRONG / 4


def test_more_runs_decide_what_few_do_not() -> None:
    simulated = Simulated(r0=[100.0], r3=[200.0, 190.0, 110.0, *[190.0] * 20])
    found = simulated.sampler(RELATIVE, good=0, most=20).judge(3)
    assert found.judgement is Judgement.BAD
    assert len(found.values) == 10


@pytest.mark.parametrize("missing", [0, 1, 4])
def test_a_run_without_a_value_leaves_the_release_unjudged(missing: int) -> None:
    runs: list[Optional[float]] = [1.0] * 20
    runs[missing] = None
    simulated = Simulated(r3=runs)
    found = simulated.sampler(BOUND, most=20).judge(3)
    assert (found.judgement, found.answer, found.ambiguous) == (None, None, False)
    assert len(simulated.order) == missing + 1


# --- Simulated histories ---------------------------------------------------------------------


@pytest.mark.parametrize("history", noise.HISTORIES, ids=lambda history: history.name)
def test_hardly_any_history_is_judged_wrongly(history: noise.History) -> None:
    """At most 5 %. The seeds are fixed, so this cannot fail by chance."""
    said = [noise.search(history, seed).said for seed in range(20)]
    assert said.count(noise.WRONG) <= 1


@pytest.mark.parametrize(
    "name",
    [
        "no change, noise 5 %",
        "no change, slower by 0.5 % with each run",
        "1.3 times, noise 1 %",
        "1.5 times, noise 5 %",
        "1.5 times, slower by 0.5 % with each run",
        "bound: 1.5 times, noise 5 %",
    ],
)
def test_what_is_clear_is_found(name: str) -> None:
    (history,) = (each for each in noise.HISTORIES if each.name == name)
    found = [noise.search(history, seed) for seed in range(25)]
    assert [each.said for each in found] == [noise.RIGHT] * 25
    assert max(each.runs for each in found) < 150


def test_the_table_has_a_row_for_each_history() -> None:
    lines = list(noise.main(3))
    assert len(lines) == 4 + len(noise.HISTORIES)
    assert lines[0] == "3 searches of each history."


def test_the_limit_itself_is_ambiguous() -> None:
    (history,) = (each for each in noise.HISTORIES if "exactly the limit" in each.name)
    said = [noise.search(history, seed).said for seed in range(25)]
    assert said.count(noise.AMBIGUOUS) >= 23


# --- The grammar -----------------------------------------------------------------------------


def result(verdict: Verdict = Verdict.PASS, **observations: Any) -> Result:
    return Result(
        repro="r",
        case="default",
        tensorflow="2.9.3",
        python="3.10",
        device="cpu",
        environment="2.9.3-py3.10-cpu",
        outcome=Outcome(verdict=verdict, signature=None),
        seconds=2.5,
        max_rss_mb=512.0,
        observations=observations,
    )


@pytest.mark.parametrize(
    ("text", "label", "question"),
    [
        ("loss > 0.5", "loss", Question(limit=0.5, relative=False)),
        ("loss<=-1e-3", "loss", Question(limit=-0.001, relative=False, below=True)),
        ("rss_mb > 1.2 * median(good)", "rss_mb", Question(limit=1.2, relative=True)),
        ("rss_mb>median( good )*1.2", "rss_mb", Question(limit=1.2, relative=True)),
        ("seconds >= median(good)", "seconds", Question(limit=1.0, relative=True)),
        ("rate < 0.8*median(good)", "rate", Question(limit=0.8, relative=True, below=True)),
        ("val/loss.1-a > 1", "val/loss.1-a", Question(limit=1.0, relative=False)),
        ("growth > 1", "growth", Question(limit=1.0, relative=False)),
        ("growth(mem) > 0.5", "growth(mem)", Question(limit=0.5, relative=False)),
        ("growth(mem) > 2*median(good)", "growth(mem)", Question(limit=2.0, relative=True)),
    ],
)
def test_what_can_be_asked(text: str, label: str, question: Question) -> None:
    assert criteria.is_criterion(text)
    value = criteria.parse_criterion(text).value
    assert value is not None
    assert (value.label, value.question) == (label, question)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("loss > high", "expected a number or median(good), not 'high'"),
        ("loss >", "expected a number or median(good), not the end"),
        ("loss > nan", "expected a number or median(good), not 'nan'"),
        ("loss > 1e999", "expected a number or median(good), not '1e999'"),
        ("loss > 1 2", "expected the end, not '2'"),
        ("loss > 1 * mean(good)", "expected median(good), not 'mean'"),
        ("loss > median(bad)", "expected median(good), not 'bad'"),
        ("loss > median(good", "expected median(good), not the end"),
        ("loss > 0 * median(good)", "must be more than 0"),
        ("loss > -1 * median(good)", "must be more than 0"),
        ("my loss > 1", "expected > or <, not 'loss'"),
        ("growth(loss > 1", "expected ')', not '>'"),
        ("growth() > 1", "expected the name of an observed list, not ')'"),
        ("growth(rss_mb) > 1", "rss_mb is one number of each run"),
        ("a*b > 1", "expected > or <, not '*'"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(text: str, part: str) -> None:
    with pytest.raises(UsageError) as refused:
        criteria.parse_criterion(text)
    said = str(refused.value)
    assert said.startswith(f"'{text}': ")
    assert part in said
    assert "\n" not in said


@pytest.mark.parametrize("text", ["2.9", "2.16.2", "nightly", ">=2.9,<2.10", "==2.9.*", "a<"])
def test_a_version_is_no_criterion(text: str) -> None:
    assert criteria.is_criterion(text) is (text == "a<")


def read(text: str, found: Result) -> Optional[float]:
    return values.parse_value(text).read(found)


def test_the_value_of_a_run() -> None:
    assert read("rss_mb > 1", result()) == 512.0
    assert read("seconds > 1", result()) == 2.5
    assert read("rss_mb > 1", result(rss_mb=7)) == 7.0, "what the script observes comes first"
    assert read("loss > 1", result(loss=0)) == 0.0
    assert read("loss > 1", result(Verdict.FAIL, loss=3)) == 3.0
    assert read("growth(mem) > 1", result(mem=[10, 12, 99, 16, 18])) == 2.0


@pytest.mark.parametrize(
    ("text", "found", "why"),
    [
        ("rss_mb > 1", result(Verdict.FAIL), "rss_mb counts only for a pass"),
        ("seconds > 1", result(Verdict.TIMEOUT), "seconds counts only for a pass"),
        ("rss_mb > 1", result(Verdict.SKIP), ""),
        ("loss > 1", result(Verdict.ERROR, loss=1), ""),
        ("loss > 1", result(), "it observed no number loss"),
        ("loss > 1", result(loss=True), "it observed no number loss"),
        ("loss > 1", result(loss=[1]), "it observed no number loss"),
        ("growth(mem) > 1", result(mem=[1]), "it observed no list of numbers mem"),
        ("growth(mem) > 1", result(mem=[1, "x"]), "it observed no list of numbers mem"),
        ("growth(mem) > 1", result(mem=3), "it observed no list of numbers mem"),
    ],
)
def test_a_run_without_a_value(text: str, found: Result, why: str) -> None:
    value = values.parse_value(text)
    assert value.read(found) is None
    assert value.why_missing(found) == why


@given(st.floats(-5, 5), st.integers(2, 1200))
def test_the_growth_of_a_straight_line_is_its_slope(slope: float, steps: int) -> None:
    found = values.growth([3 + slope * at for at in range(steps)])
    assert found is not None
    assert math.isclose(found, slope, abs_tol=1e-6)


# --- The command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--bad", "rss_mb > 1.2 * median(good)"], "add --good VERSION"),
        (["--bad", "loss > x"], "'loss > x': expected a number"),
        (["--bad", "loss > 1", "--on", "fail"], "--bad 'loss > 1' and --on both say what"),
        (["--bad", "signature:x", "--on", "fail"], "--bad signature:… and --on both say what"),
        (["--bad", "loss > 1", "--repeat", "2"], "takes at least 10 runs of each release"),
        (["--bad", "loss > 1", "--repeat", "2/3"], "expected the most runs of a release, 1 to 50"),
        (["--bad", "loss > 1", "--repeat", "51"], "expected the most runs of a release, 1 to 50"),
        (["--bad", "loss > 1", "--blame"], "--blame judges single runs"),
        (["--bad", "loss > 1", "--cluster", "local:2"], "--cluster measures on many machines"),
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
    (tmp_path / "my.py").write_text("import tensorflow\n", "utf-8")
    assert cli.execute(["bisect", "my.py", *arguments]) == 2
    said = capsys.readouterr().err
    assert part in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()
