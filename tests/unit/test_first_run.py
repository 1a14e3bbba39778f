"""docs/first-run.md shows what the tool prints today."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.model import Verdict
from runner.pipeline import display
from runner.report import publish
from tests.unit import runs

PAGE = Path(__file__).parents[2] / "docs" / "first-run.md"
NO_SESSION = (Verdict.FAIL, "AttributeError: module 'tensorflow' has no attribute 'Session'")


@pytest.fixture
def page() -> str:
    return PAGE.read_text("utf-8")


def test_the_answer_is_the_one_that_a_terminal_shows(page: str) -> None:
    run = runs.drawn("1.15.5 2.9.3 2.21.0\ndefault ✓ A A", {"A": NO_SESSION})
    answer, *table = filter(None, publish.terminal(run, 0).splitlines())
    # On the page, the answer goes on with what a control has shown.
    for line in (answer.rstrip("."), *table):
        assert " ".join(line.split()) in " ".join(page.split())


def test_the_lines_of_cells_are_those_of_a_log(page: str) -> None:
    run = runs.drawn("2.9.3\ndefault A", {"A": NO_SESSION}, python="3.10")
    line = display.result_line(run.results[0]).replace(" script/", " my/")
    assert f"] {line}\n" in page
