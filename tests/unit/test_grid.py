"""Results arranged: rows, columns, letters, transitions."""

from __future__ import annotations

import ast
import random
from pathlib import Path

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner import grid
from runner.grid import PASS, Grid, release_range
from runner.model import Case, Repro, Verdict
from runner.releases import catalogue
from tests.unit import runs


def built(picture: str, failures: dict[str, runs.Failure] | None = None) -> Grid:
    return grid.build_grid(runs.drawn(picture, failures))


def turns(of: Grid) -> list[tuple[str, str, list[str], int, dict[tuple[str, str], int]]]:
    return [
        (t.before.label, t.after.label, [c.label for c in t.between], t.compared, dict(t.tally))
        for t in of.transitions
    ]


def test_columns_are_in_the_order_of_releases_not_of_text() -> None:
    shown = built("2.10 1.15 2.9\na ✓ ✓ ✓")
    assert [column.label for column in shown.columns] == ["1.15", "2.9", "2.10"]


def test_a_label_names_the_patch_only_where_a_series_has_several() -> None:
    shown = built("2.9.1 2.9.3 2.10.1\na ✓ ✓ ✓")
    assert [column.label for column in shown.columns] == ["2.9.1", "2.9.3", "2.10"]


def test_a_label_names_the_python_where_a_release_has_several() -> None:
    one, other = (runs.drawn("2.9\na ✓", python=python) for python in ("3.10", "3.9"))
    both = evolve(
        one,
        environments=one.environments + other.environments,
        results=one.results + other.results,
    )
    assert [c.label for c in grid.build_grid(both).columns] == ["2.9 py3.9", "2.9 py3.10"]


def test_a_python_may_be_called_anything() -> None:
    assert [c.python for c in built_on("¹", "3.10", "3.9").columns] == ["¹", "3.9", "3.10"]


def built_on(*pythons: str) -> Grid:
    each = [runs.drawn("2.9\na ✓", python=python) for python in pythons]
    environments = tuple(e for run in each for e in run.environments)
    results = tuple(r for run in each for r in run.results)
    return grid.build_grid(evolve(each[0], environments=environments, results=results))


def test_a_patch_that_is_not_the_newest_of_its_series_is_written_out() -> None:
    run = runs.drawn("2.8.1 2.9.3 2.10.0\na A ✓ ✓")
    assert [c.label for c in grid.build_grid(run, catalogue.load_releases()).columns] == [
        "2.8.1",
        "2.9",
        "2.10.0",
    ]
    assert [c.label for c in grid.build_grid(run).columns] == ["2.8", "2.9", "2.10"]


def test_releases_that_were_not_run_are_a_gap() -> None:
    run = runs.drawn("1.15.5 2.0.4 2.2.3 2.3.0 2.3.4\na ✓ ✓ ✓ ✓ ✓")
    columns = grid.build_grid(run, catalogue.load_releases()).columns
    assert [c.gap for c in columns] == [False, False, True, False, True]
    assert not any(column.newest for column in columns)
    assert release_range(columns) == "1.15–2.0, 2.2–2.3.0, 2.3.4"


def test_a_release_candidate_is_no_series() -> None:
    shown = built("2.21.0 2.22.0rc0\na ✓ A")
    assert [column.label for column in shown.columns] == ["2.21", "2.22.0rc0"]


def test_environments_of_one_release_with_other_packages_share_a_column() -> None:
    run = runs.drawn("2.9\na ✓")
    other = runs.result("b", "2.9", "A", environment="2.9.0-py3.8-cpu-1234abcd")
    (column,) = grid.build_grid(evolve(run, results=(*run.results, other))).columns
    assert column.environments == ("2.9.0-py3.8-cpu", "2.9.0-py3.8-cpu-1234abcd")


def test_rows_are_in_the_order_of_the_plan_not_of_the_journal() -> None:
    run = runs.drawn("2.9\nz ✓\na ✓\nm ✓")
    shown = grid.build_grid(evolve(run, results=tuple(reversed(run.results))))
    assert [row.case for row in shown.rows] == ["z", "a", "m"]


def test_a_case_that_was_not_asked_for_has_no_row_once_the_run_has_ended() -> None:
    run = runs.drawn("2.9\na ✓\nb ?")
    assert [row.case for row in grid.build_grid(run).rows] == ["a"]
    interrupted = evolve(run, info=runs.head(finished=None))
    assert [row.case for row in grid.build_grid(interrupted).rows] == ["a", "b"]


def test_a_missing_cell_is_there_and_says_that_it_is_not_measured() -> None:
    shown = built("2.9 2.10\na ✓ ?\nb ✓ ✓")
    assert shown.mark(shown.rows[0], shown.columns[1]).verdict is None
    assert shown.counts == {Verdict.PASS: 3, None: 1}


def test_of_several_results_for_a_cell_the_last_holds() -> None:
    run = runs.drawn("2.9\na !")
    shown = grid.build_grid(evolve(run, results=(*run.results, runs.result("a", "2.9", "✓"))))
    assert shown.mark(shown.rows[0], shown.columns[0]).finding == PASS


def test_equal_signatures_share_a_letter_in_reading_order() -> None:
    same = (Verdict.FAIL, "KeyError: 'x'")
    shown = built("2.9 2.10\na ✓ Z\nb X Y", {"X": same, "Z": (Verdict.CRASH, "SIGSEGV"), "Y": same})
    assert [(e.letter, e.signature, e.count) for e in shown.legend] == [
        ("A", "SIGSEGV", 1),
        ("B", "KeyError: 'x'", 2),
    ]
    assert [[mark.letter for mark in row] for row in shown.marks] == [["", "A"], ["B", "B"]]


def test_a_failure_without_signature_is_known_by_its_outcome() -> None:
    shown = built("2.9 2.10\na T M", {"T": (Verdict.TIMEOUT, None), "M": (Verdict.OOM, None)})
    assert [(e.letter, e.signature) for e in shown.legend] == [("A", "timeout"), ("B", "oom")]


def test_skips_and_errors_have_no_letter_whatever_signature_they_carry() -> None:
    run = runs.drawn("2.9 2.10\na – !")
    carrying = [
        evolve(r, outcome=evolve(r.outcome, signature="KeyError: 'x'")) for r in run.results
    ]
    assert grid.build_grid(evolve(run, results=tuple(carrying))).legend == ()


def test_a_transition_counts_what_changed_of_what_was_judged_on_both_sides() -> None:
    shown = built("2.15 2.16\na ✓ A\nb ✓ A\nc B A\nd ✓ ✓\ne ✓ –\nf ! A")
    assert turns(shown) == [("2.15", "2.16", [], 4, {(PASS, "A"): 2, ("B", "A"): 1})]


def test_what_could_not_be_judged_is_passed_over_and_named() -> None:
    shown = built("2.3 2.4 2.5 2.6\na ✓ ! – A\nb ✓ ✓ ✓ A")
    assert turns(shown) == [
        ("2.5", "2.6", [], 1, {(PASS, "A"): 1}),
        ("2.3", "2.6", ["2.4", "2.5"], 1, {(PASS, "A"): 1}),
    ]


def test_an_error_never_makes_a_transition() -> None:
    assert built("2.3 2.4 2.5\na ✓ ! ✓\nb A ? A\nc – ! –").transitions == ()


def test_another_signature_is_a_change_though_both_fail() -> None:
    assert turns(built("2.3 2.4\na A B")) == [("2.3", "2.4", [], 1, {("A", "B"): 1})]


def test_devices_are_never_compared_with_each_other() -> None:
    cpu = runs.drawn("2.3 2.4\na ✓ ✓")
    cuda = runs.drawn("2.3 2.4\na A A", device="cuda")
    both = evolve(
        cpu, environments=cpu.environments + cuda.environments, results=cpu.results + cuda.results
    )
    shown = grid.build_grid(both)
    assert shown.transitions == ()
    assert [c.device for c in shown.columns] == ["cpu", "cuda", "cpu", "cuda"]
    assert {device: len(lane) for device, lane in shown.lanes.items()} == {"cpu": 2, "cuda": 2}


def test_transitions_of_some_rows_count_those_alone() -> None:
    shown = built("2.3 2.4\na ✓ A\nb ✓ A")
    (turn,) = shown.transitions_of(shown.rows[:1])
    assert (turn.compared, len(turn.changes)) == (1, 1)


def test_a_run_without_results_is_a_grid_without_rows() -> None:
    shown = built("2.3 2.4\na ? ?")
    assert (shown.rows, shown.transitions, shown.legend) == ((), (), ())


def test_repros_keep_their_cases_together() -> None:
    run = runs.drawn("2.9\na ✓")
    other = Repro(name="other", script=run.repros[0].script, cases=(Case(name="a"),))
    results = (runs.result("a", "2.9", "A", repro="other"), *run.results)
    shown = grid.build_grid(evolve(run, repros=(*run.repros, other), results=results))
    assert {name: [r.case for r in rows] for name, rows in shown.repros.items()} == {
        "script": ["a"],
        "other": ["a"],
    }
    assert [mark.letter for row in shown.marks for mark in row] == ["", "A"]


pictures = st.lists(
    st.lists(st.sampled_from("✓AB–!?"), min_size=6, max_size=6), min_size=1, max_size=5
)


def _picture(glyphs: list[list[str]]) -> str:
    lines = [f"case{n} {' '.join(row)}" for n, row in enumerate(glyphs)]
    return "\n".join(["2.1 2.2 2.3 2.4 2.5 2.6", *lines])


@given(pictures)
def test_transitions_are_those_of_the_judged_cells_alone(glyphs: list[list[str]]) -> None:
    """Brute force: drop what was not judged, and look at neighbours in what is left."""
    wanted = []
    for number, row in enumerate(glyphs):
        judged = [(i, g) for i, g in enumerate(row) if g in "✓AB"]
        wanted += [
            (number, i, j, one == "✓", other == "✓")
            for (i, one), (j, other) in zip(judged, judged[1:])
            if one != other
        ]
    shown = grid.build_grid(evolve(runs.drawn(_picture(glyphs)), info=runs.head(finished=None)))
    found = [
        (
            change.row.index,
            t.before.index,
            t.after.index,
            change.before == PASS,
            change.after == PASS,
        )
        for t in shown.transitions
        for change in t.changes
    ]
    assert sorted(found) == sorted(wanted)


@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_the_journal_changes_nothing(
    glyphs: list[list[str]], chance: random.Random
) -> None:
    run = runs.drawn(_picture(glyphs))
    shuffled = list(run.results)
    chance.shuffle(shuffled)
    assert grid.build_grid(evolve(run, results=tuple(shuffled))) == grid.build_grid(run)


def test_cells_that_show_the_same_share_a_mark() -> None:
    marks = [mark for row in built("2.9 2.10 2.11\na ✓ X ✓\nb X ✓ Y").marks for mark in row]
    assert len(set(map(id, marks))) == len(set(marks)) < len(marks) == 6


def test_whoever_arranges_a_run_says_which_releases_are_known() -> None:
    """Without them 2.8.1 would be called 2.8, as if it were the newest patch of its series."""
    package = Path(grid.__file__).parents[1]
    calls = [
        len(node.args)
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("build_grid")
    ]
    assert len(calls) >= 3
    assert set(calls) == {2}
