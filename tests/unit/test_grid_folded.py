"""Folding: equal columns are one, equal rows are one, and every cell can be had back."""

from __future__ import annotations

import fnmatch

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import grid
from runner.grid import folded
from runner.grid.folded import FoldedTable, label
from runner.grid.names import globs
from runner.model import Run
from tests.unit import runs


def shown(run: Run) -> list[tuple[list[str], list[tuple[str, str]]]]:
    """Of each table its labels, and its rows as names and letters."""
    return [
        (
            [label(places) for places in table.places],
            [
                (", ".join(names), "".join(map(glyph, marks)))
                for names, marks in zip(table.names, table.marks)
            ],
        )
        for table in folded.tables(grid.build_grid(run))
    ]


def glyph(mark: grid.Mark) -> str:
    verdicts = {"pass": "✓", "skip": "–", "error": "!"}
    return " " if mark.impossible else mark.letter or verdicts.get(str(mark.verdict), "?")


def test_equal_neighbours_are_one_column_and_equal_cases_one_row() -> None:
    run = runs.drawn("1.12 1.13 1.14 2.0 2.1\na ✓ ✓ ✓ A A\nb B B B B B\nc ✓ ✓ ✓ A A\nd – – ✓ ✓ ✓")
    assert shown(run) == [
        (
            ["1.12–1.13", "1.14", "2.0–2.1"],
            [("a, c", "✓✓A"), ("b", "BBB"), ("d", "–✓✓")],
        )
    ]


def test_columns_that_are_equal_but_not_neighbours_stay_apart() -> None:
    assert shown(runs.drawn("2.3 2.4 2.5\na ✓ A ✓"))[0][0] == ["2.3", "2.4", "2.5"]


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("2.3 2.4 2.5\na A A≠ A", ["2.3", "2.4", "2.5"]),
        ("2.3 2.4 2.5\na ✓ ✓≈ ✓", ["2.3", "2.4", "2.5"]),
        ("2.3 2.4 2.5 2.6\na ✓ ✓≈ ✓≈ ✓", ["2.3", "2.4–2.5", "2.6"]),
        ("2.3 2.4 2.5 2.6 2.7\na ✓ ✓≈ ✓ ✓≈ ✓", ["2.3", "2.4", "2.5", "2.6", "2.7"]),
        ("2.3 2.4 2.5\na ✓ ✓2/3 ✓2/3", ["2.3", "2.4", "2.5"]),
        ("2.3 2.4 2.5\na A≠ A≠ ✓", ["2.3–2.4", "2.5"]),
    ],
)
def test_a_fold_joins_nothing_that_differs_in_any_way(picture: str, labels: list[str]) -> None:
    assert shown(runs.drawn(picture))[0][0] == labels


def test_rows_that_are_flaky_or_expected_otherwise_stay_apart() -> None:
    run = runs.drawn("2.3 2.4\na ✓2/3 ✓\nb ✓2/3 ✓\nc A≠ ✓\nd A≠ ✓\ne A ✓")
    other = tuple(evolve(r, expected="pass: x") if r.case == "d" else r for r in run.results)
    rows = [names for names, _ in shown(evolve(run, results=other))[0][1]]
    assert rows == ["a", "b", "c", "d", "e"]


def test_a_variant_that_exists_on_some_releases_has_columns_beside_the_others() -> None:
    run = runs.with_legacy_keras(
        runs.drawn(
            "2.15 2.16 2.17\na ✓ A A\nb ✓ ✓ ✓\nc ✓ A A\na@keras=legacy – ✓ ✓\nc@keras=legacy – ✓ ✓"
        )
    )
    assert shown(run) == [
        (
            ["2.15", "2.16–2.17", "2.16–2.17 keras=legacy"],
            [("a, c", "✓A✓"), ("b", "✓✓ ")],
        )
    ]


def test_a_variant_of_every_release_is_a_row() -> None:
    run = runs.drawn("2.15 2.16\na ✓ ✓\na@numpy=1.23 ✓ A")
    assert [names for names, _ in shown(run)[0][1]] == ["a", "a@numpy=1.23"]


def test_cells_that_a_variant_rules_out_are_no_cells() -> None:
    run = runs.with_legacy_keras(runs.drawn("2.15 2.16\na ✓ A\na@keras=legacy – ✓"))
    built = grid.build_grid(run)
    assert len(built.possible) == 3
    assert sum(built.counts.values()) == 3
    assert len(list(built.results)) == 3


def test_what_was_measured_is_shown_though_the_variant_is_not_meant_for_it() -> None:
    run = runs.with_legacy_keras(runs.drawn("2.15 2.16\na ✓ A\na@keras=legacy A ✓"))
    assert len(grid.build_grid(run).possible) == 4


@pytest.mark.parametrize(
    ("group", "others", "names"),
    [
        (["fit-a", "fit-b"], ["run-a"], ("fit-*",)),
        (["fit-a", "fit-b"], ["fit-c"], ("fit-a", "fit-b")),
        (["fit-a"], [], ("fit-a",)),
        (
            ["eager-fit-a", "eager-fit-b", "eager-run-a", "eager-run-b"],
            [],
            ("eager-fit-*", "eager-run-*"),
        ),
        ([f"e-{n}-{side}" for n in range(9) for side in "ab"], ["f-1"], ("e-*",)),
        (["t.py::one", "t.py::two"], ["u.py::one"], ("t.py::*",)),
        (["t.py::test_a", "t.py::test_b[1]", "t.py::test_b[2]"], ["t.py::T"], ("t.py::test_*",)),
        (["fit-a", "fit-b"], ["fit-"], ("fit-a", "fit-b")),
        (["fit.a", "fit.b"], ["fit._"], ("fit.a", "fit.b")),
        (["*", "a"], [], ("*", "a")),
    ],
)
def test_names_share_their_beginnings(
    group: list[str], others: list[str], names: tuple[str, ...]
) -> None:
    assert globs(group, [*group, *others]) == names


plain = st.text("ab-_.", min_size=1, max_size=6)


@given(st.sets(plain, min_size=1, max_size=12), st.data())
def test_globs_match_the_group_and_nothing_else(names: set[str], data: st.DataObject) -> None:
    every = sorted(names)
    group = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    short = globs(group, every)
    matched = {n for n in every if any(n == g or fnmatch.fnmatchcase(n, g) for g in short)}
    assert matched == set(group)


cells = st.sampled_from(["✓", "A", "B", "–", "!", "A≠", "✓2/3", "✓≈", "?"])


@st.composite
def drawings(draw: st.DrawFn) -> Run:
    """Cases on six releases around 2.16, some with a variant that begins there."""
    lines = ["2.13 2.14 2.15 2.16 2.17 2.18"]
    for case in range(draw(st.integers(1, 5))):
        inner = [draw(cells) for _ in range(4)]
        lines.append(f"case-{case} ✓ {' '.join(inner)} ✓")
        if draw(st.booleans()):
            known = [draw(st.sampled_from("✓AB!")) for _ in range(3)]
            lines.append(f"case-{case}@keras=legacy – – – {' '.join(known)}")
    return runs.with_legacy_keras(runs.drawn("\n".join(lines), finished=None))


@given(drawings())
def test_unfolding_gives_back_every_cell(run: Run) -> None:
    built = grid.build_grid(run)
    for tables in (folded.tables(built), folded.tables(built, folded=False)):
        given = {(row.index, column.index): mark for t in tables for row, column, mark in t.cells()}
        assert all(built.marks[r][c] == mark for (r, c), mark in given.items())
        possible = {
            (row.index, column.index)
            for row in built.rows
            for column in built.columns
            if not built.mark(row, column).impossible
        }
        assert possible <= set(given)


@given(drawings())
def test_a_folded_table_cannot_be_folded_further(run: Run) -> None:
    for table in folded.tables(grid.build_grid(run)):
        assert_apart(table)


def assert_apart(table: FoldedTable) -> None:
    """Neighbouring columns of one variant differ, and so do all rows, but for flaky ones."""
    columns = list(zip(table.places, zip(*table.marks)))
    for (one, marks), (other, more) in zip(columns, columns[1:]):
        flaky = any(mark.votes or mark.inferred for mark in (*marks, *more))
        assert marks != more or flaky or one[0].variant != other[0].variant
    steady = [m for m in table.marks if not any(mark.votes or mark.inferred for mark in m)]
    assert len(set(steady)) == len(steady)
