"""Names of cases: long ones keep their end, and what tests share is said once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import grid, report
from runner.grid import folded
from runner.grid.folded import FoldedTable
from runner.report import names
from tests.unit import runs

TESTS = (
    "tests/test_a.py::TestLayers::test_dense[float16-0.1]",
    "tests/test_a.py::TestLayers::test_dense[float32-0.1]",
    "tests/test_a.py::test_sums",
)


def table(*lines: str) -> FoldedTable:
    """Of cases, each with its cells: one that fails in another place than the others is alone."""
    (found,) = folded.tables(grid.build_grid(runs.drawn("\n".join(["2.14 2.15 2.16", *lines]))))
    return found


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("short", "short"),
        ("", "(empty)"),
        ("a/folder/test_a.py::test_b[0.1]", "a/fold…::test_b[0.1]"),
        ("x" * 30, "x" * 6 + "…" + "x" * 13),
    ],
)
def test_a_long_name_keeps_its_end(name: str, shown: str) -> None:
    assert names.short_name(name, 20) == shown
    assert len(names.short_name(name, 20)) <= 20


def test_what_all_rows_begin_with_is_said_above_them() -> None:
    one, two, three = TESTS
    called = names.table_names(table(f"{one} ✓ ✓ A", f"{two} ✓ A A", f"{three} ✓ ✓ ✓"))
    assert called.shared == "tests/test_a.py::"
    assert called.rows == (
        ("TestLayers::test_dense[float16-0.1]",),
        ("TestLayers::test_dense[float32-0.1]",),
        ("test_sums",),
    )


@pytest.mark.parametrize(
    ("cases", "shared"),
    [
        (("tests/test_a.py::test_b", "tests/test_ab.py::test_b"), "tests/"),
        (("a.py::T::one", "a.py::T::two"), "a.py::T::"),
        (("a.py::test[x::y]", "a.py::test[x::z]"), "a.py::"),
        (("a.py::one", "b.py::one"), ""),
        (("layers/one", "layers/two"), ""),
        (("a.py::one", "other"), ""),
    ],
)
def test_only_files_folders_and_classes_are_shared(cases: Sequence[str], shared: str) -> None:
    one, two = cases
    assert names.table_names(table(f"{one} ✓ ✓ A", f"{two} ✓ ✓ ✓")).shared == shared


def test_a_table_of_one_row_says_its_whole_name() -> None:
    called = names.table_names(table(f"{TESTS[0]} ✓ ✓ A", f"{TESTS[1]} ✓ ✓ A"))
    assert (called.shared, called.rows) == ("", (("tests/test_a.py::TestLayers::test_dense[*",),))


def test_tests_of_one_file_follow_each_other_and_the_first_names_it() -> None:
    cases = ["a.py::one", "b.py::one", "a.py::two", "plain", "a.py::one"]
    assert names.short_names(cases) == ["a.py::one", "…::two", "b.py::one", "plain"]


def test_two_names_that_differ_in_their_middle_stay_apart() -> None:
    cases = [f"{'x' * 50}{middle}{'y' * 50}" for middle in "ab"]
    one, two = names.short_names(cases)
    assert one != two
    assert [one, two] == cases


@given(st.lists(st.text("ab:/[]", min_size=1, max_size=40), min_size=2, max_size=6, unique=True))
def test_no_two_rows_are_called_the_same(cases: list[str]) -> None:
    lines = [f"{name} {' '.join(_cells(at))}" for at, name in enumerate(cases)]
    called = names.table_names(table(*lines), most=9)
    shown = [name for row in called.rows for name in row]
    assert len(set(shown)) == len(cases)


def _cells(number: int) -> str:
    """Other cells for each number up to eight."""
    return "".join("✓A"[number >> bit & 1] for bit in range(3))


@pytest.mark.parametrize("kind", ["terminal", "md", "svg", "html"])
def test_every_report_keeps_the_end_of_a_long_name(kind: str) -> None:
    stem = f"tests/{'a_folder_of_tests/' * 4}test_layers.py::TestLayers::test_dense"
    run = runs.drawn(f"2.15 2.16\n{stem}[float16] ✓ A\n{stem}[float32] ✓ ✓\nother ✓ B")
    if kind == "terminal":
        shown = report.terminal(grid.build_grid(run), width=80)
    else:
        shown = report.render(run, kind, runs.logs)
    table_part = shown.split("<details")[0]
    assert "test_dense[float16]" in table_part
    assert "test_dense[float32]" in table_part
