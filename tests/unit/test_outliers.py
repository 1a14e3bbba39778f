"""Which cells are worth a second look: those that no neighbour agrees with."""

from __future__ import annotations

import pytest
from attrs import evolve

from runner.cells.flakiness.outliers import FEW, outliers
from runner.model import Result
from tests.unit.runs import SERIES, drawn


def found(picture: str) -> list[str]:
    return [f"{one.case} {one.tensorflow[:-2]}" for one in outliers(drawn(picture).results)]


HEADER = "2.0 2.1 2.2 2.3 2.4\n"


@pytest.mark.parametrize(
    ("row", "odd"),
    [
        ("c ✓ ✓ A ✓ ✓", ["c 2.2"]),
        ("c A A ✓ A A", ["c 2.2"]),
        ("c A A B A A", ["c 2.2"]),
        ("c ✓ A ✓ A ✓", ["c 2.1", "c 2.2", "c 2.3"]),
        ("c ✓ ✓ ✓ ✓ ✓", []),
        ("c ✓ ✓ A A A", []),
        ("c A ✓ ✓ ✓ B", []),
        ("c ✓ A B ✓ ✓", []),
        ("c ✓ A – A ✓", []),
        ("c – A – ✓ ✓", []),
        ("c ! A ! ✓ ✓", []),
        ("c ✓ ✓≈ A ✓ ✓", []),
        ("c ✓ ✓ A2/2 ✓ ✓", []),
    ],
)
def test_one_row(row: str, odd: list[str]) -> None:
    assert found(HEADER + row) == odd


def test_rows_are_apart() -> None:
    assert found(HEADER + "a ✓ ✓ ✓ ✓ ✓\nb A A A A A\nc ✓ ✓ A ✓ ✓") == ["c 2.2"]
    run = drawn(HEADER + "c ✓ ✓ ✓ ✓ ✓")
    other = drawn(HEADER + "c A A A A A", device="cuda")
    assert outliers((*run.results, *other.results)) == ()


def test_the_order_is_that_of_releases() -> None:
    assert found("2.9 2.10 2.11\nc ✓ A ✓") == ["c 2.10"]
    run = drawn("2.10 2.9 2.11\nc A ✓ ✓")
    assert [one.tensorflow for one in outliers(run.results)] == ["2.10.0"]


def test_what_the_matrix_says_of_a_release_needs_no_second_look() -> None:
    results = drawn(HEADER + "c ✓ ✓ A ✓ ✓").results
    told = tuple(evolve(one, expected="fail") for one in results)
    assert outliers(told) == ()
    assert len(outliers(tuple(evolve(one, unexpected=True) for one in told))) == 1


def test_a_flaky_script_does_not_double_the_run() -> None:
    rows = "\n".join(f"case{n} " + " ".join("✓A"[at % 2] for at in range(26)) for n in range(40))
    results = drawn(" ".join(SERIES) + "\n" + rows).results
    chosen = outliers(results)
    assert len(chosen) == len(results) // 10
    assert len({one.id for one in chosen}) == len(chosen)
    assert len({one.case for one in chosen}) == 40, "spread over the cases"
    few: tuple[Result, ...] = tuple(one for one in results if one.case == "case0")
    assert len(outliers(few)) == min(FEW, 24)
