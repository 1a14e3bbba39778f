"""matrix.md: golden files, GitHub's own renderer, attacks, and GitHub's limit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from attrs import evolve, field, mutable
from cmarkgfm.cmark import Options
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from runner import grid, report
from runner.bisect.answer import Neighbour, evidence, release_sentence
from runner.grid import folded
from runner.model import Outcome, Run, Variant, Verdict
from runner.releases import catalogue
from runner.report import Extras, gfm, names
from runner.report.answer import answer
from runner.report.names import short_name
from runner.report.text import shortened
from tests.unit import runs

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"

RELEASES = [release for release in catalogue.load_releases() if release.parsed <= Version("2.21.0")]
"""Those that there are, for runs that name real ones."""
ALL = [release.version for release in RELEASES]

RUNS: dict[str, Callable[[], Run]] = {
    "one-case": lambda: runs.drawn(
        "2.14 2.15 2.16\ndefault ✓ ✓ A",
        {"A": (Verdict.FAIL, "AttributeError: module 'keras' has no attribute 'backend'")},
    ),
    "wide": runs.wide,
    "hostile": runs.hostile,
    "all-pass": lambda: runs.drawn("2.14 2.15 2.16\na ✓ ✓ ✓\nb ✓ ✓ ✓"),
    "only-errors": lambda: runs.drawn("2.14 2.15\na ! !\nb ! !"),
    "empty": lambda: runs.drawn("2.14 2.15\na ? ?", finished=None),
    "observed": lambda: runs.drawn(
        "2.7 2.8 2.9\na ✓ ✓ ✓\nb ✓ ✓ ✓",
        observations={
            ("a", "2.7"): {"loss": 0.5, "how": "in sequence"},
            ("a", "2.8"): {"loss": 0.500001, "how": "in sequence"},
            ("a", "2.9"): {"loss": 0.48, "how": "at once"},
            ("b", "2.8"): {"losses": [1.0, 0.5]},
            ("b", "2.9"): {"losses": [1.0, 0.25]},
        },
    ),
    "square": lambda: runs.square(
        "2.12 2.13 2.14 2.15 2.16\n2.12 ✓ ✓ ✓ ✓ B\n2.13 ✓ ✓ ✓ ✓ B\n2.14 A ✓ ✓ ✓ B\n"
        "2.15 A ✓ ✓ ✓ B\n2.16 – – – – –",
        {
            "A": (Verdict.FAIL, "ValueError: Unknown optimizer: 'Custom>Adam'"),
            "B": (Verdict.FAIL, "TypeError: Could not locate function 'mse'"),
        },
    ),
    "two-devices": lambda: two_devices(),
    "adaptive": lambda: runs.drawn(
        "2.4 2.5 2.6 2.7 2.8 2.9 2.10\na ✓ ✓≈ ✓≈ ✓ ✓≈ ✓≈ ✓\nb ✓ ✓≈ ✓ A A≈ A≈ A\nc B B≈ B≈ B B≈ B≈ B"
    ),
    "flaky": lambda: runs.drawn("2.4 2.5 2.6\na ✓ ✓3/5 A2/3\nb A≠4/5 ✓ ✓"),
    "variants": lambda: with_variants(),
    "many-variants": lambda: many_variants(),
    "one-release": lambda: runs.drawn("2.16\nfit-a ✓\nfit-b ✓\nlayers A\nupdates B\nold –"),
    "all-skipped": lambda: runs.drawn("2.14 2.15\na – –\nb – –"),
    "several-repros": lambda: several_repros(),
    "all-releases": lambda: runs.drawn(
        "\n".join(
            [" ".join(ALL), "default " + " ".join("✓A"[Version(v) >= Version("2.16")] for v in ALL)]
        )
    ),
    "bisected": lambda: bisected(),
}

RUNS["pytest"] = lambda: runs.drawn(
    "\n".join(["2.14 2.15 2.16", *(f"{name} {pytest_cells(n)}" for n, name in pytest_names())])
)


def pytest_names() -> list[tuple[int, str]]:
    """500 tests of three files, as pytest calls them."""
    kinds = ("float16", "float32", "float64", "int32", "int64")
    return [
        (n, f"tests/test_{'abc'[n % 3]}.py::test_layer_{n // 15}[{kinds[n % 5]}-{n}]")
        for n in range(500)
    ]


def pytest_cells(number: int) -> str:
    return "✓ ✓ A" if number % 15 == 0 else "– ✓ ✓" if number % 7 == 0 else "✓ ✓ ✓"


KNOWN = {"all-releases": RELEASES, "bisected": RELEASES}


def many_variants() -> Run:
    """An axis of packages that exists everywhere, and one that begins with 2.16."""
    legacy = [f"{case}@keras=legacy – ✓ ✓" for case in ("a", "b")]
    numpy = [
        f"{case}@numpy={n} ✓ A {last}"
        for n in ("1.22", "1.23")
        for case, last in (("a", "A"), ("b", "✓"))
    ]
    return runs.with_legacy_keras(
        runs.drawn("\n".join(["2.15 2.16 2.17", "a ✓ A A", "b ✓ A ✓", *legacy, *numpy]))
    )


def bisected() -> Run:
    """As `bisect` leaves it: what it found, and the releases that it looked at."""
    run = runs.drawn(
        "1.15.5 2.4.4 2.6.5 2.7.4 2.8.1 2.8.2 2.21.0\ndefault ✓ ✓ ✓ ✓ ✓ A A",
        observations={("default", "2.8.1"): {"loss": 0.5}, ("default", "2.8.2"): {"loss": 0.75}},
        command="tfmatrix bisect script.py",
    )
    before, after = (
        Neighbour(result=run.results[at], environment=run.environments[at]) for at in (4, 5)
    )
    found = f"{release_sentence('bad', before, after, [])}\n\n{evidence(before, after)}"
    return evolve(run, info=evolve(run.info, finding=found))


def several_repros() -> Run:
    one = runs.drawn("2.14 2.15 2.16\ndefault ✓ ✓ A")
    other = runs.drawn("2.14 2.15 2.16\na ✓ ✓ ✓\nb ✓ ✓ ✓\nc ! ! !")
    named = [evolve(r.repros[0], name=name) for r, name in ((one, "first"), (other, "second"))]
    results = [
        evolve(result, repro=repro.name)
        for r, repro in zip((one, other), named)
        for result in r.results
    ]
    return evolve(one, repros=tuple(named), results=tuple(results))


def two_devices() -> Run:
    cpu = runs.drawn("2.14 2.15\na ✓ A\nb ✓ ✓")
    cuda = runs.drawn("2.14 2.15\na ✓ –\nb ✓ B≠", device="cuda")
    return evolve(
        cpu, environments=cpu.environments + cuda.environments, results=cpu.results + cuda.results
    )


def with_variants() -> Run:
    legacy = Variant(
        name="keras=legacy",
        values={"keras": "legacy"},
        tf=(">=2.16.0",),
        env={"TF_USE_LEGACY_KERAS": "1"},
    )
    numpy = Variant(name="numpy=1.23.5", python="3.9", requirements=("numpy==1.23.5",))
    run = runs.drawn(
        "2.15 2.16 2.17\na ✓ A A\nb ✓ ✓ ✓\n"
        "a@keras=legacy – ✓ ✓\nb@keras=legacy – ✓ ✓≠\nb@numpy=1.23.5 ✓ ✓ !"
    )
    (repro,) = run.repros
    variants = [Variant(), Variant(), legacy, legacy, numpy]
    cases = tuple(
        evolve(each, variant=variant, args=(each.name[0],), about=f"case {each.name[0]}")
        for each, variant in zip(repro.cases, variants)
    )
    return evolve(run, repros=(evolve(repro, cases=cases),))


@pytest.mark.parametrize("name", RUNS)
def test_golden(name: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"{name}.md", rendered(name, "md"))


def rendered(name: str, kind: str) -> str:
    run = RUNS[name]()
    built = grid.build_grid(run, KNOWN.get(name, ()))
    return report.render(run, kind, runs.logs, grid=built)


# --- As GitHub shows it ----------------------------------------------------------------------

MORE = int(os.environ.get("TFMATRIX_EXAMPLES", "1"))
"""Multiplies the examples of property tests, for a long look."""


def some(examples: int) -> settings:
    return settings(
        deadline=None, max_examples=examples * MORE, suppress_health_check=list(HealthCheck)
    )


VOID = {"br", "hr", "img", "input"}


@mutable
class Page(HTMLParser):
    """What GitHub's renderer makes of a text: its tags, its tables, and what is not code."""

    tags: set[str] = field(factory=set)
    tables: list[list[list[str]]] = field(factory=list)
    codes: list[str] = field(factory=list)
    prose: str = ""
    _open: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "code":
            self.codes.append("")
        self.prose += " " if tag not in ("strong", "em", "code") else ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "code" in self._open:
            self.codes[-1] += data
        else:
            self.prose += data
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data


def shown(markdown: str) -> Page:
    """Rendered by cmark-gfm, the program that GitHub uses, with raw HTML let through as there."""
    page = Page()
    page.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))
    page.close()
    assert page._open == [], "all that is opened is closed"
    return page


OURS = {
    *("p", "ul", "li", "strong", "code", "pre", "h3", "h4", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
# What GitHub makes links of, beside what the renderer itself does.
LINKED = re.compile(r"@\w|#\d|\bGH-\d|https?:|www\.|\b[0-9a-f]{7,40}\b|:[a-z_]+:|\w@\w")


def assert_harmless(markdown: str) -> Page:
    page = shown(markdown)
    assert page.tags <= OURS, f"tags from outside: {page.tags - OURS}"
    link = LINKED.search(page.prose)
    assert link is None, f"GitHub would link {link!r}"
    return page


@pytest.mark.parametrize("name", RUNS)
def test_the_table_on_github_has_every_case_and_release(name: str) -> None:
    run = RUNS[name]()
    arranged = grid.build_grid(run)
    text = report.render(run, "md", runs.logs)
    page = assert_harmless(text)
    tables = [table for table in page.tables if table[0][0] in ("case", "cases")]
    short = folded.tables(arranged)
    whole = [
        each for each, other in zip(folded.tables(arranged, folded=False), short) if other.folds
    ]
    assert len(tables) == len(short) + len(whole)
    for table, wanted in zip(tables, [*short, *whole]):
        assert table[0][1:] == [folded.label(places) for places in wanted.places]
        assert len(table) - 1 == len(wanted.lines)
        shared = names.table_names(wanted).shared
        for cells, lines, marks in zip(table[1:], wanted.lines, wanted.marks):
            if len(lines) == 1:
                assert shared + cells[0] == short_name(lines[0].name)
            else:
                assert cells[0].endswith(f"({len(lines)})")
            letters = [re.sub(r"[≠≈]*( \d/\d)?$", "", cell) for cell in cells[1:]]
            assert [m.letter for m in marks if m.letter] == [c for c in letters if c.isalpha()]


def test_hostile_logs_and_scripts_stay_in_their_fences() -> None:
    attack = "\n".join([*runs.HOSTILE, "~~~", "`````", "    ```", "</details>"])
    run = evolve(runs.hostile(), environments=())
    text = report.render(run, "md", lambda _: attack, Extras(scripts={"x": attack, "y": attack}))
    page = assert_harmless(text)
    assert sum("onerror=alert(1)" in code and "</details>" in code for code in page.codes) >= 3


anything = st.text(
    st.one_of(
        st.sampled_from("`|\\<>&@#*_~[]()!-+=\n\r\t \x00\x1b\u202e\u2028:/.$"),
        st.characters(),
    ),
    max_size=40,
)


@some(60)
@given(anything)
@example("`").via("a lone backtick")
@example("\\").via("a lone backslash")
@example("a\\|").via("a backslash before a bar")
def test_a_code_span_holds_any_text_as_it_is(text: str) -> None:
    page = assert_harmless(f"before {gfm.code_span(text)} after")
    assert page.codes == [shortened(text, 200) or "(empty)"]
    assert page.prose.split() == ["before", "after"]


@some(40)
@given(anything, anything)
def test_a_table_cell_holds_any_text_as_it_is(one: str, other: str) -> None:
    table = gfm.table(["a", "b"], [[gfm.table_code_span(one), gfm.table_code_span(other)]])
    (rendered,) = assert_harmless(table).tables
    assert rendered == [
        ["a", "b"],
        [shortened(one, 60) or "(empty)", shortened(other, 60) or "(empty)"],
    ]


@some(30)
@given(st.lists(anything, max_size=8))
def test_a_fence_holds_any_lines(lines: list[str]) -> None:
    plain = [shortened(line, 400) for line in lines]
    page = assert_harmless(f"{gfm.fence(plain)}\n\nafter")
    assert page.prose.split() == ["after"]
    assert page.codes == ["\n".join([*plain, ""])] or plain == []


words = st.one_of(st.sampled_from(["cpu", "GH-1", "www.x.org", "0123456", "3.8"]), anything)


@some(20)
@given(
    st.lists(st.tuples(anything, anything, anything), min_size=1, max_size=4),
    anything,
    st.tuples(words, words),
)
@example([("a", "b", "c")], "", ("GH-1", "www.example.com")).via("plain words that are links")
def test_no_name_message_or_log_breaks_the_report(
    texts: list[tuple[str, str, str]], log: str, place: tuple[str, str]
) -> None:
    device, python = place
    run = runs.drawn("2.15 2.16\na A A", device=device, python=python)
    results = tuple(
        evolve(
            result,
            case=case,
            repro=repro,
            outcome=Outcome(verdict=Verdict.FAIL, signature=signature),
            unexpected=True,
            expected=signature,
            observations={log: number, case: [signature, number]},
            inferred=(log,) if repro == log else False,
        )
        for case, repro, signature in texts
        for number, result in enumerate(run.results)
    )
    strange = evolve(run, results=results, repros=(), info=runs.head(command=log))
    page = assert_harmless(report.render(strange, "md", lambda _: log))
    shown_tables = folded.tables(grid.build_grid(strange))
    tables = [table for table in page.tables if table[0][0] in ("case", "cases")]
    assert [len(table) - 1 for table in tables][: len(shown_tables)] == [
        len(table.lines) for table in shown_tables
    ]


# --- GitHub's limit --------------------------------------------------------------------------


def large(cases: int, releases: int, failures: int, name: str, seed: int) -> Run:
    glyphs = [*"✓–!", *(f"X{n}" for n in range(failures))]
    lines = [" ".join(f"2.{n}" for n in range(releases))]
    for row in range(cases):
        cells = (
            glyphs[(seed * row * 7 + col * col * row) % len(glyphs)] for col in range(releases)
        )
        lines.append(" ".join([f"{name}-{row}", *cells]))
    return runs.drawn("\n".join(lines))


@some(4)
@given(
    st.integers(1, 150),
    st.integers(1, 60),
    st.integers(0, 60),
    st.sampled_from(["case", "ünïcödé-" * 12, "`" * 50, "名" * 60]),
    st.integers(1, 99),
    st.integers(0, 30_000),
)
@example(120, 60, 90, "`" * 50, 7, 30_000).via("more than fits in any detail")
def test_any_run_fits_and_keeps_its_answer(
    cases: int, releases: int, failures: int, name: str, seed: int, log: int
) -> None:
    run = large(cases, releases, failures, name, seed)
    text = report.render(run, "md", lambda path: f"{path}\n" * (log // 20))
    assert len(text) <= len(text.encode("utf-8")) <= 65_536
    assert text.startswith(answer(grid.build_grid(run), gfm.code_span))
    assert run.info.command in text
    assert_harmless(text)


def test_logs_go_first_and_the_report_says_so() -> None:
    def log(path: str) -> str:
        return "\n".join(f"{path} line {n} " + "x" * 300 for n in range(40))

    run = runs.wide()
    text = report.render(run, "md", log)
    assert (
        "Left out to fit GitHub's limit of 65,536 characters: all but 15 lines of each log" in text
    )
    assert "All packages:" in text
    (table,) = folded.tables(grid.build_grid(run))
    assert len(shown(text).tables[0]) == len(table.lines) + 1


def test_the_whole_grid_goes_before_a_row_of_the_table() -> None:
    lines = [" ".join(f"2.{n}" for n in range(60))]
    lines += [
        " ".join([f"c{row}", *("✓A–"[(row + n // 20) % 3] for n in range(60))])
        for row in range(400)
    ]
    text = report.render(runs.drawn("\n".join(lines)), "md", runs.logs)
    (table, *_) = shown(text).tables
    assert table[0] == ["cases", "2.0–2.19", "2.20–2.39", "2.40–2.59"]
    assert len(table) == 4
    assert "the whole grid" in text
    assert "</details>" in text


def test_more_repros_than_fit_leave_an_answer() -> None:
    run = large(4, 20, 10, "case", 3)
    many = tuple(
        evolve(r, repro=f"repro {n} " + "`x" * 200) for n in range(40) for r in run.results
    )
    text = report.render(evolve(run, results=many, repros=()), "md", runs.logs)
    assert len(text.encode()) <= 65_536
    assert text.startswith("- ")
    assert_harmless(text)


def test_what_fits_after_a_larger_part_had_to_go_is_put_back() -> None:
    """500 tests on 26 releases: the whole grid does not fit, and nothing else has to go."""
    header = " ".join(["", *runs.SERIES])
    tests = (f"{name} {'✓ ' * (10 + n % 16)}{'A ' * (16 - n % 16)}" for n, name in pytest_names())
    text = report.render(runs.drawn("\n".join([header, *tests])), "md", runs.logs)
    assert gfm.counted_length(text) <= gfm.LIMIT
    assert "limit of 65,536 characters: the whole grid. All of it" in text
    assert "<summary>Logs: the end of one for each letter</summary>" in text
    assert text.splitlines()[-1].startswith("<!-- tfmatrix report ")


def test_a_report_within_the_limit_leaves_nothing_out() -> None:
    assert "Left out" not in report.render(runs.wide(), "md", runs.logs)


def test_the_hidden_block_says_what_the_report_says() -> None:
    run = runs.drawn(
        "2.14 2.15 2.16 2.17\nfit-a ✓ ✓ ! A\nfit-b ✓ ✓ ! A\nc ✓ B ✓ ✓\ne ✓ ✓≈ ✓≈ ✓\nd – – – –"
    )
    last = report.render(run, "md", runs.logs).rstrip("\n").split("\n")[-1]
    assert last.startswith("<!-- tfmatrix report {")
    said = json.loads(last.removeprefix("<!-- tfmatrix report ").removesuffix(" -->"))
    assert said["schema"] == 1
    assert said["environments"] == {each.id: each.key for each in run.environments}
    first, second, inferred, third = said["findings"]
    assert first == {
        "repro": "script",
        "device": "cpu",
        "cases": ["fit-a", "fit-b"],
        "passes": 2,
        "fails": 1,
        "before": {"tensorflow": "2.15.0", "value": "", "passes": True},
        "after": {"tensorflow": "2.17.0", "value": "", "passes": False},
        "changes": 1,
        "signatures": ["ErrorA: what A says"],
        "outcomes": [[2, "pass"], [1, "error"], [1, 0]],
    }
    assert said["releases"] == {"cpu": ["2.14.0", "2.15.0", "2.16.0", "2.17.0"]}
    assert inferred["outcomes"] == [[1, "pass"], [2, "none"], [1, "pass"]]
    assert (second["changes"], second["passes"], second["fails"]) == (2, 3, 1)
    assert (inferred["passes"], inferred["fails"]) == (2, 0), "what was measured"
    assert (third["before"], third["passes"], third["fails"]) == (None, 0, 0)


def test_nothing_ends_the_hidden_block() -> None:
    text = report.render(runs.hostile(), "md", runs.logs)
    inside = text[text.rindex("<!-- tfmatrix report ") + 4 :].removesuffix(" -->\n")
    assert all(end not in inside for end in ("<", ">", "--"))


def test_a_grid_that_does_not_fold_is_there_once() -> None:
    text = report.render(runs.drawn("2.4 2.5\na ✓ A\nb A ✓"), "md", runs.logs)
    assert [table[0][0] for table in shown(text).tables] == ["case", "TensorFlow"]
    assert "The whole grid" not in text


def test_a_grid_that_folds_follows_whole() -> None:
    text = report.render(runs.drawn("2.4 2.5\na ✓ ✓\nb A A"), "md", runs.logs)
    (short, whole, _) = shown(text).tables
    assert short == [["case", "2.4–2.5"], ["a", "✓"], ["b", "A"]]
    assert whole == [["case", "2.4", "2.5"], ["a", "✓", "✓"], ["b", "A", "A"]]


# --- Files that cells left ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["md", "issue"])
def test_one_line_names_what_cells_left(kind: str) -> None:
    run = runs.drawn("2.4 2.5\na ✓ A")
    files = [("a", "out/x/a", 1_400_000), ("b", "out/x/b", 0)]
    shown = report.render(runs.with_files(run, *files), kind, runs.logs, Extras())
    assert "\n\n1 cell left 2 files, 1 MB: in `out/` of the run's folder.\n\n" in shown
    page = Extras(page="https://example.org/x/index.html")
    shown = report.render(runs.with_files(run, *files), kind, runs.logs, page)
    assert ": in [`out/`](https://example.org/x/index.html).\n" in shown
    assert "of the run's folder" not in report.render(run, kind, runs.logs, Extras())
