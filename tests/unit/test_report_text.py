"""Text from outside, made fit to be shown; and what observations show."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runner
from runner import grid, report
from runner.grid.tolerance import differs
from runner.model import Json
from runner.report import text
from runner.report.values import first_difference, restless_values, value_changes
from tests.unit import runs


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("plain words", "plain words"),
        ("  two\n lines\t", "two lines"),
        ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07bell\x07", "red bell"),
        ("a\u202eb\ud800c\x00d\ufeff", "abcd"),
        ("名前 ünï ✓ 🎉", "名前 ünï ✓ 🎉"),
    ],
)
def test_cleaned(given: str, wanted: str) -> None:
    assert text.clean(given) == wanted


@given(st.text())
def test_what_is_cleaned_is_one_printable_line(anything: str) -> None:
    cleaned = text.clean(anything)
    assert cleaned.isprintable()
    assert cleaned == text.clean(cleaned) == cleaned.strip()


def test_clipped_with_a_sign() -> None:
    assert text.shortened("abcdef", 4) == "abc…"
    assert text.shortened("abcd", 4) == "abcd"


def test_of_a_progress_bar_the_last_state_is_kept() -> None:
    assert text.log_lines("\n  1%\r 50%\r100%\r\ndone\n") == ["100%", "done"]


def test_tabs_become_spaces_whatever_else_a_log_has() -> None:
    shown = ["a   b", "    \N{BULLET} c"]
    assert text.log_lines("a\tb\n\t\N{BULLET} c \t\n") == shown
    assert text.log_lines("a\tb\n\t\N{BULLET} c \t\n\x1b[1md\x1b[0m\n") == [*shown, "d"]
    assert text.log_lines("ab\tc\td", width=6) == ["ab  c "]


def test_the_end_of_a_log_is_kept_and_long_lines_are_cut() -> None:
    assert text.log_lines("a\nb\nc\n" + "x" * 500, 2, width=10) == ["c", "x" * 10]


def test_listed() -> None:
    assert [text.listed(list("abcde"[:n])) for n in range(5)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 1 more",
    ]


def test_a_value_that_changes_all_the_time_is_set_apart() -> None:
    values = {("a", f"2.{n}"): {"noise": n, "loss": n // 6} for n in range(9)}
    head = " ".join(f"2.{n}" for n in range(9))
    arranged = grid.build_grid(runs.drawn(f"{head}\na {'✓ ' * 9}", observations=values))
    assert [(s.name, s.after.label) for s in value_changes(arranged)] == [("loss", "2.6")]
    assert [(r.name, r.times) for r in restless_values(arranged)] == [("noise", 8)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (1, 2, ("x", 1, 2)),
        ([1, 2, 3], [1, 2, 4], ("x[2]", 3, 4)),
        ({"a": [1.0, {"b": 1}]}, {"a": [1.0, {"b": 2}]}, ("x.a[1].b", 1, 2)),
        ([1], [1, 2], ("x", [1], [1, 2])),
        ("1", 1, ("x", "1", 1)),
    ],
)
def test_a_change_is_told_at_its_first_difference(
    old: Json, new: Json, words: tuple[str, Json, Json]
) -> None:
    values = {("a", "2.0"): {"x": old}, ("a", "2.1"): {"x": new}}
    (shift,) = grid.build_grid(runs.drawn("2.0 2.1\na ✓ ✓", observations=values)).shifts
    assert first_difference(shift) == words


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        (1.0, 1.00005, False),
        (1.0, 1.0002, True),
        (-1.0, 1.0, True),
        (0.0, 1e-12, False),
        (1, 1.0, False),
        (True, 1, True),
        (30521, 30522, True),
        ("nan", "nan", False),
        ("a", "b", True),
        (None, 0, True),
        ([1.0, 2.0], [1.00001, 2.0], False),
        ([1.0, 2.0], [1.0], True),
        ({"a": [1.0]}, {"a": [1.1]}, True),
        ({"a": 1}, {"b": 1}, True),
    ],
)
def test_values_differ_beyond_the_tolerance(old: Json, new: Json, differ: bool) -> None:
    assert differs(old, new) is differs(new, old) is differ


def observed(picture: str, values: Sequence[Optional[float]]) -> list[tuple[str, str, Json, Json]]:
    run = runs.drawn(
        picture,
        observations={
            ("a", f"2.{n}"): {"loss": value} for n, value in enumerate(values) if value is not None
        },
    )
    return [(s.before.label, s.after.label, s.old, s.new) for s in grid.build_grid(run).shifts]


def test_a_value_that_changes_while_the_outcome_stays_is_a_shift() -> None:
    assert observed("2.0 2.1 2.2\na ✓ ✓ ✓", [1.0, 1.0, 0.5]) == [("2.1", "2.2", 1.0, 0.5)]


def test_a_value_that_changes_with_the_outcome_is_none() -> None:
    assert observed("2.0 2.1\na ✓ A", [1.0, 0.5]) == []


def test_small_steps_add_up() -> None:
    drift = [1.0, 1.00008, 1.00016, 1.00024]
    assert observed("2.0 2.1 2.2 2.3\na ✓ ✓ ✓ ✓", drift) == [("2.1", "2.2", 1.0, 1.00016)]


def test_cells_that_observed_nothing_or_were_not_judged_are_passed_over() -> None:
    assert observed("2.0 2.1 2.2\na ✓ ! ✓", [1.0, 9.0, 1.0]) == []
    assert observed("2.0 2.1 2.2\na ✓ ✓ ✓", [1.0, None, 2.0]) == [("2.0", "2.2", 1.0, 2.0)]


def test_the_terminal_shows_the_answer_the_grid_and_the_legend() -> None:
    shown = report.terminal(grid.build_grid(runs.drawn("2.9 2.10\na ✓ A\nlong-name ✓ –")))
    assert shown.splitlines() == [
        "a fails on 2.10 (ErrorA: what A says), passes on 2.9; "
        "long-name passes on 2.9, is skipped on 2.10 (tf.function came with TensorFlow 1.14).",
        "",
        "           2.9  2.10",
        "a           ✓    A",
        "long-name   ✓    –",
        "",
        "A  ErrorA: what A says",
        "✓  pass",
        "–  skipped",
    ]


def test_a_narrow_terminal_gets_blocks_of_columns() -> None:
    shown = report.terminal(grid.build_grid(runs.wide(4)), width=60)
    assert max(map(len, shown.splitlines())) <= 60
    tables = shown.partition("\n\n")[2].splitlines()
    assert sum(line.lstrip()[:1].isdigit() for line in tables) == 3


def test_the_terminal_folds_what_is_equal_and_breaks_long_names() -> None:
    lines = [f"a-rather-long-name-{n}-x ✓ ✓ A\na-rather-long-name-{n}-y ✓ ✓ A" for n in range(3)]
    run = runs.drawn("\n".join(["2.4 2.5 2.6", *lines, "other ✓ ✓ ✓"]))
    shown = report.terminal(grid.build_grid(run), width=60).split("\n\n")[1].splitlines()
    assert shown == [
        "                              2.4–2.5  2.6",
        "a-rather-long-name-0-*,          ✓      A",
        "  a-rather-long-name-1-*,",
        "  a-rather-long-name-2-* (6)",
        "other                            ✓      ✓",
    ]


def test_signs_and_shares_keep_the_columns_straight() -> None:
    shown = report.terminal(
        grid.build_grid(runs.drawn("2.4 2.5 2.6 2.7\na ✓ ✓≈ ✓3/5 ✓\nb A≠2/3 – ✓ ✓"))
    )
    assert shown.split("\n\n")[1].splitlines() == [
        "    2.4    2.5   2.6   2.7",
        "a    ✓      ✓≈  ✓ 3/5   ✓",
        "b  A≠ 2/3   –     ✓     ✓",
    ]
    assert "≈  inferred from its neighbours, not measured" in shown
    assert "k/n  this many of the attempts said so" in shown


def test_no_escape_code_reaches_the_terminal() -> None:
    assert report.terminal(grid.build_grid(runs.hostile())).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::error file=x::owned", ": :error file=x::owned"),
        ("  ::add-mask::x", "  : :add-mask::x"),
        ("::observe loss=1.5", "::observe loss=1.5"),
        ("::observed::x", ": :observed::x"),
        ("test_x.py::test_y", "test_x.py::test_y"),
        ("what ##[error]owned", "what # #[error]owned"),
        ("## [x] done", "## [x] done"),
    ],
)
def test_no_line_is_a_command_to_a_workflow(line: str, shown: str) -> None:
    assert text.without_commands(line) == shown
    assert text.log_lines(line) == [shown]
    assert text.clean(line) == shown.strip()
    assert text.safe_message(f"one\n{line}") == f"one\n{shown}"


def test_a_message_keeps_its_lines_and_nothing_else() -> None:
    assert text.safe_message("a\x1b[31mb\u202ec\n  d\u2028e\x07") == "abc\n  d e"


@given(st.text(st.characters()))
def test_json_means_the_same_and_does_nothing_where_it_is_printed(anything: str) -> None:
    for word in (anything, f"{anything}\x9b\u202e\u0085\x7f##[error]"):
        shown = text.json_document({word: [word]})
        assert json.loads(shown) == {word: [word]}
        assert not set(shown) & {chr(code) for code in (*range(10), *range(0x7F, 0xA0))}
        assert not set(shown) & set("\u061c\u200e\u2028\u2029\u202e\u2066\ud800")
        assert "##[" not in shown


def test_no_name_is_printed_as_it_came() -> None:
    """A command's answer goes through `log.print_answer`, or is a report or JSON as a whole."""
    for path in Path(runner.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo":
                raw = (ast.JoinedStr, ast.BinOp, ast.Name, ast.Attribute)
                assert not isinstance(node.args[0], raw), (path, ast.unparse(node))
