"""matrix.md: observed values in a table, and outputs of passing cells that differ."""

from __future__ import annotations

from attrs import evolve

from runner import report
from runner.cells import printed
from runner.model import Json, Run
from tests.unit import runs

LOSSES: dict[tuple[str, str], dict[str, Json]] = {
    ("a", "2.1"): {"loss": 0.25, "name": "x"},
    ("a", "2.2"): {"loss": 0.25, "name": "x"},
    ("a", "2.3"): {"loss": 0.5, "name": "x"},
}


def test_an_observed_value_has_a_row_and_neighbours_that_agree_a_column() -> None:
    run = runs.drawn("2.1 2.2 2.3\na ✓ ✓ ✓", observations=LOSSES)
    text = report.render(run, "md", runs.logs)
    rows = [" ".join(line.split()) for line in text.splitlines() if line.startswith("| ")]
    assert "| value | 2.1, 2.2 | 2.3 |" in rows or "| value | 2.1–2.2 | 2.3 |" in rows
    assert "| `loss` | `0.25` | `0.5` |" in rows
    assert '| `name` | `"x"` | `"x"` |' in rows


def test_of_many_values_those_that_change_have_a_row() -> None:
    many: dict[str, Json] = {f"v{n:02}": 1 for n in range(20)}
    values = {(case, v): {**many, **seen} for (case, v), seen in LOSSES.items()}
    text = report.render(runs.drawn("2.1 2.2 2.3\na ✓ ✓ ✓", observations=values), "md", runs.logs)
    assert "| `loss`" in text
    assert "| `v00`" not in text


def printing(*texts: str, picture: str = "2.1 2.2 2.3\na ✓ ✓ ✓") -> str:
    """matrix.md of a run whose cells print these."""
    drawn = runs.drawn(picture)
    results = tuple(
        evolve(result, log=f"logs/{n}.txt", printed=printed.output_digest(text))
        for n, (result, text) in enumerate(zip(drawn.results, texts))
    )
    run: Run = evolve(drawn, results=results)
    logs = {f"logs/{n}.txt": text for n, text in enumerate(texts)}
    return report.render(run, "md", logs.__getitem__)


def test_passing_cells_that_print_something_else_are_told_with_the_line() -> None:
    text = printing("hello\nloss 0.1\n", "hello\nloss 0.2\n", "hello\nWARNING: cast\nloss 0.3\n")
    assert "### Same outcome, other output" in text
    assert "- **2.2 → 2.3**: `loss #` becomes `WARNING: cast` in `a`" in text
    assert "2.1 → 2.2" not in text


def test_a_line_at_the_end_is_printed_or_is_no_longer() -> None:
    text = printing("hello\n", "hello\nbye\n", "hello\n")
    assert "- **2.1 → 2.2**: `bye` is printed in `a`" in text
    assert "- **2.2 → 2.3**: `bye` is no longer printed in `a`" in text


def test_what_fails_is_not_compared_and_what_passes_again_is() -> None:
    text = printing("hello\n", "Traceback\n", "hello\n", picture="2.1 2.2 2.3\na ✓ A ✓")
    assert "other output" not in text
    text = printing("hello\n", "Traceback\n", "bye\n", picture="2.1 2.2 2.3\na ✓ A ✓")
    assert "- **2.1 → 2.3**: `hello` becomes `bye` in `a`" in text


def test_an_output_that_changes_all_the_time_says_nothing() -> None:
    texts = [f"{'ab'[n % 2]}\n" for n in range(7)]
    picture = f"{' '.join(f'2.{n}' for n in range(1, 8))}\na {'✓ ' * 7}"
    assert "other output" not in printing(*texts, picture=picture)


def test_cases_that_change_alike_are_one_line() -> None:
    texts = ("x\n", "y\n", "x\n", "y\n")
    text = printing(*texts, picture="2.1 2.2\na ✓ ✓\nb ✓ ✓")
    assert "- **2.1 → 2.2**: `x` becomes `y` in 2 cases, such as `a`" in text


def test_values_that_are_the_same_in_many_cases_are_one_row_and_a_wide_table_is_folded() -> None:
    header = [f"2.{minor}" for minor in range(12)]
    seen: dict[tuple[str, str], dict[str, Json]] = {
        (case, version): {"n": at // 2 if case != "c" else 7, "losses": [at, at + 1]}
        for at, version in enumerate(header)
        for case in "abcdefg"
    }
    lines = "\n".join(f"{case} {' '.join('✓' for _ in header)}" for case in "abcdefg")
    run = runs.drawn(f"{' '.join(header)}\n{lines}", observations=seen)
    rows = [" ".join(line.split()) for line in report.render(run, "md", runs.logs).splitlines()]
    assert "| `n` in 6 cases | `0` | `1` | `2` | `3` | `4` | `5` |" in rows
    assert not any(row.startswith("| `a: losses`") for row in rows)
