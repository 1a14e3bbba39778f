"""Adaptive exploration: what is measured, what is inferred, and how often that is wrong."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from typing import Optional

from hypothesis import given
from hypothesis import strategies as st

from runner.pipeline.sampling import GAP, change_positions, inferred_positions, next_round

SERIES = 26
Row = Sequence[Optional[Hashable]]


def explored(row: Row, always: frozenset[int] = frozenset()) -> tuple[dict[int, object], Row]:
    """What was measured, and the row with the rest inferred."""
    known: dict[int, Optional[Hashable]] = {}
    while wanted := next_round(known, len(row), always):
        assert not wanted & known.keys(), "measured twice"
        known.update({at: row[at] for at in wanted})
    inferred = inferred_positions(known)
    assert known.keys() | inferred.keys() == set(range(len(row)))
    assert not known.keys() & inferred.keys()
    shown = [known[at] if at in known else known[inferred[at][0]] for at in range(len(row))]
    return known, shown


any_rows = st.lists(st.sampled_from(["pass", "A", "B", None]), max_size=60)


@st.composite
def long_stretches(draw: st.DrawFn) -> list[str]:
    """Each stretch of equal findings is longer than what may go unseen."""
    lengths = draw(st.lists(st.integers(GAP + 1, 20), min_size=1, max_size=5))
    names = ("pass", "A", "B")
    return [names[at % 3] for at, length in enumerate(lengths) for _ in range(length)]


@given(long_stretches())
def test_a_stretch_longer_than_the_gap_is_never_missed(row: list[str]) -> None:
    assert explored(row)[1] == row


@given(any_rows)
def test_inferred_is_only_what_lies_between_two_that_agree(row: Row) -> None:
    known, _ = explored(row)
    for at, (low, high) in inferred_positions(known).items():
        assert low < at < high
        assert known[low] == known[high] is not None
        assert high - low - 1 <= GAP


@given(any_rows)
def test_every_inference_has_a_third_witness(row: Row) -> None:
    known, _ = explored(row)
    seen = sorted(known)
    for low, _ in set(inferred_positions(known).values()):
        place = seen.index(low)
        beside = [seen[p] for p in (place - 1, place + 2) if 0 <= p < len(seen)]
        assert known[low] in [known[at] for at in beside]


@given(any_rows, st.data())
def test_what_must_be_seen_is_seen(row: Row, data: st.DataObject) -> None:
    if row:
        always = data.draw(st.frozensets(st.integers(0, len(row) - 1)))
        assert always | {0, len(row) - 1} <= explored(row, always)[0].keys()


def test_what_could_not_be_judged_is_never_spread() -> None:
    row = [None] * 20
    assert len(explored(row)[0]) == len(row)


def test_a_row_that_never_changes_takes_a_third_of_the_runs() -> None:
    assert len(explored(["pass"] * SERIES)[0]) <= 9


def test_a_row_that_changes_once_takes_less_than_half() -> None:
    counts = [len(explored(["pass"] * at + ["A"] * (SERIES - at))[0]) for at in range(1, SERIES)]
    assert sum(counts) / len(counts) <= 0.43 * SERIES


def test_rows_that_come_and_go_are_seldom_wrong() -> None:
    """Three changes at random places, there and back again: worse than recorded scripts show."""
    chance, cells, wrong = random.Random(4), 0, 0
    for _ in range(500):
        cuts = sorted(chance.sample(range(1, SERIES), 3))
        row = ["pass" if sum(cut <= at for cut in cuts) % 2 == 0 else "A" for at in range(SERIES)]
        shown = explored(row)[1]
        cells += SERIES
        wrong += sum(one != other for one, other in zip(row, shown))
    assert wrong / cells < 0.02


def test_both_sides_of_a_turn() -> None:
    assert change_positions([1, 1, 1, 2, 2, 3]) == {2, 3, 4, 5}
    assert change_positions([2, 2]) == change_positions([]) == frozenset()
