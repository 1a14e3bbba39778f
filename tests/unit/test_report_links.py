"""Links from the Markdown into a published index.html."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest

from runner import grid, report
from runner.grid import folded
from runner.report import Extras, gfm, links, markdown
from runner.report.context import Context
from tests.unit import runs
from tests.unit.test_report_markdown import RUNS, shown

PAGE = "https://octo.github.io/repro/20261122-160000-ab12/"
LINK = re.compile(rf"\]\({re.escape(PAGE)}#([^)\s]*)\)")


def rendered(name: str, page: str = PAGE) -> str:
    return report.render(RUNS[name](), "md", runs.logs, Extras(page=page))


def test_each_cell_of_the_folded_table_leads_to_its_evidence() -> None:
    run = runs.drawn("2.14 2.15 2.16\na ✓ ✓ A\nb ✓ ✓ ✓\nc – ✓ ✓")
    text = report.render(run, "md", runs.logs, Extras(page=PAGE))
    (table,) = folded.tables(grid.build_grid(run))
    found = [parse_qs(link, strict_parsing=True) for link in LINK.findall(text)]
    assert len(found) == len(table.lines) * len(table.places)
    assert found[2] == {"repro": ["script"], "case": ["a"], "on": ["2.16.0/cpu/3.8"]}
    assert f"[Every cell with its log, packages and command]({PAGE})" in text


def test_without_an_address_nothing_is_linked() -> None:
    assert "](http" not in rendered("one-case", page="")


@pytest.mark.parametrize("name", RUNS)
def test_nothing_in_a_run_ends_or_moves_a_link(name: str) -> None:
    """As GitHub's renderer reads it: every link is ours, and leads to the page."""
    text = rendered(name)
    assert gfm.counted_length(text) <= gfm.LIMIT
    page = shown(text)
    plain = shown(rendered(name, page=""))
    assert page.tables[: len(plain.tables)] == plain.tables, "the same is shown"
    assert page.tags - plain.tags <= {"a"}


def test_links_go_before_the_table_where_a_report_is_too_long() -> None:
    run = RUNS["wide"]()
    context = Context(run=run, grid=grid.build_grid(run), logs=runs.logs, extras=Extras(page=PAGE))
    short = markdown.render(context, 6_000)
    assert not LINK.search(short)
    assert "| cases" in short
    assert PAGE in short
    assert "links to each cell" in short


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://octo.github.io/repro/1/", True),
        ("https://localhost:8080/a/index.html", True),
        ("https://octo.github.io/a%20b/~c/", True),
        ("http://octo.github.io/", False),
        ("javascript:alert(1)", False),
        ("https://octo.github.io/a)b", False),
        ("https://octo.github.io/a b", False),
        ("https://octo.github.io/a\n", False),
        ("https://octo.github.io/#x", False),
        ("https://octo.github.io/?x", False),
        ("https://user:secret@octo.github.io/", False),
        ("https://octo.github.io/<b>", False),
        ("https://octo.github.io/|", False),
        ("https://" + "x" * 300, False),
    ],
)
def test_only_what_cannot_break_markdown_is_an_address(url: str, good: bool) -> None:
    assert links.is_page(url) is good
