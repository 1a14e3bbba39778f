"""index.html, matrix.svg, junit.xml and matrix.json: golden files, attacks, and what is in them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve, field, mutable

from runner import grid, report, serial
from runner.grid import folded
from runner.model import Run, RunInfo, Verdict
from runner.report import Extras
from runner.report.context import command_base, command_end
from runner.report.html import cells as html_cells
from runner.report.html import data as html_data
from tests.unit import runs
from tests.unit.test_report_markdown import KNOWN, RUNS, rendered

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
SVG = "{http://www.w3.org/2000/svg}"


SHAPES = (
    *("one-case", "wide", "hostile", "empty", "two-devices", "adaptive", "flaky"),
    *("many-variants", "several-repros", "all-releases", "bisected", "pytest"),
    *("one-release", "all-skipped", "only-errors", "square"),
)


@pytest.mark.parametrize("kind", ["svg", "junit"])
@pytest.mark.parametrize("name", SHAPES)
def test_golden(name: str, kind: str, golden: Callable[[Path, str], None]) -> None:
    suffix = {"svg": "svg", "junit": "junit.xml"}[kind]
    golden(GOLDEN / f"{name}.{suffix}", rendered(name, kind))


@pytest.mark.parametrize("name", SHAPES)
def test_golden_page(name: str, golden: Callable[[Path, str], None]) -> None:
    """What index.html shows at first: without its style, script and data, and the whole grid."""
    whole = re.compile(r'<details id="whole">.*?</details>\n', re.DOTALL)
    shown = re.search(r"<main>.*</main>\n", rendered(name, "html"), re.DOTALL)
    assert shown
    golden(GOLDEN / f"{name}.html", whole.sub("", shown[0]))


@pytest.mark.parametrize("name", RUNS)
def test_golden_terminal(name: str, golden: Callable[[Path, str], None]) -> None:
    """As `run` shows it where the terminal is 80 columns wide."""
    shown = report.terminal(grid.build_grid(RUNS[name](), KNOWN.get(name, ())), width=80)
    assert max(map(len, shown.splitlines())) <= 80 or name == "hostile"
    golden(GOLDEN / f"{name}.txt", shown + "\n")


def test_the_registry_names_the_files_of_a_run() -> None:
    assert {kind: entry.file for kind, entry in report.REPORTS.items()} == {
        "json": "matrix.json",
        "md": "matrix.md",
        "html": "index.html",
        "svg": "matrix.svg",
        "junit": "junit.xml",
        "issue": "",
    }
    assert "issue" not in report.FILES, "it is only printed"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("kind", report.REPORTS)
def test_every_report_of_every_run_is_text_that_a_file_can_hold(name: str, kind: str) -> None:
    text = report.render(RUNS[name](), kind, runs.logs)
    assert text.endswith("\n")
    assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize("kind", report.REPORTS)
def test_a_report_is_a_pure_function_of_the_run(kind: str) -> None:
    first, second = (report.render(runs.wide(6), kind, runs.logs) for _ in range(2))
    assert first == second


def test_the_json_report_is_the_run() -> None:
    run = runs.wide(3)
    data = json.loads(report.render(run, "json", runs.logs))
    assert data["schema"] == 1
    assert len(data["cells"]) == len(run.results)
    assert serial.run_from_json(data).results == run.results


# --- matrix.svg ------------------------------------------------------------------------------


def drawing(name: str) -> ET.Element:
    return ET.fromstring(report.render(RUNS[name](), "svg", runs.logs))


def test_the_picture_has_a_title_and_the_answer_for_those_who_cannot_see_it() -> None:
    root = drawing("wide")
    assert root.get("role") == "img"
    assert (root.findtext(f"{SVG}desc") or "").startswith("Of 18 cases, ")
    assert root.findtext(f"{SVG}title")


def test_the_picture_holds_every_cell_as_text() -> None:
    (table,) = folded.tables(grid.build_grid(RUNS["wide"]()))
    marks = [mark for row in table.marks for mark in row]
    glyphs = shown_cells(drawing("wide"))
    assert len(glyphs) == len(marks) + 6  # and the letters of the legend
    assert glyphs.count("✓") == sum(mark.verdict is Verdict.PASS for mark in marks)


def shown_cells(root: ET.Element) -> list[str]:
    texts = root.iter(f"{SVG}text")
    return [text.text or "" for text in texts if "g" in (text.get("class") or "").split()]


@pytest.mark.parametrize("name", RUNS)
def test_the_picture_holds_nothing_that_runs_or_loads(name: str) -> None:
    root = drawing(name)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "path", "text", "rect")
    }
    assert "url(" not in (root.findtext(f"{SVG}style") or "")
    assert not any(
        name.startswith("on") or "href" in name for e in root.iter() for name in e.attrib
    )


def test_the_picture_marks_what_was_not_measured() -> None:
    root = drawing("adaptive")
    assert "11 of 21 cells are inferred, not measured" in (root.findtext(f"{SVG}desc") or "")
    (table,) = folded.tables(grid.build_grid(RUNS["adaptive"]()))
    inferred = sum(mark.inferred for row in table.marks for mark in row)
    assert sum("≈" in text for text in shown_cells(root)) == inferred > 0
    paths = [path.get("class") or "" for path in root.iter(f"{SVG}path")]
    assert sum("i" in kind.split() for kind in paths) == inferred


@pytest.mark.parametrize("name", RUNS)
def test_no_text_of_the_picture_leaves_it_or_touches_another(name: str) -> None:
    """Headers, names and the legend, by the widest that their fonts can be."""
    root = drawing(name)
    lines: dict[float, list[tuple[float, float]]] = defaultdict(list)
    for text in root.iter(f"{SVG}text"):
        if text.get("transform"):
            continue
        kind = (text.get("class") or "").split()[0]
        wide = len(text.text or "") * {"q": 6.1, "a": 8.1}.get(kind, 6.95)
        x = float(text.get("x", 0))
        centred = text.get("text-anchor") == "middle" or kind == "g"
        start = x - wide / 2 if centred else x
        lines[float(text.get("y", 0))].append((start, start + wide))
    for spans in lines.values():
        ordered = sorted(spans)
        assert ordered[-1][1] <= float(root.get("width", 0))
        assert all(one[1] <= other[0] for one, other in zip(ordered, ordered[1:]))


def test_the_picture_is_as_wide_as_a_readme_shows_it() -> None:
    assert float(drawing("wide").get("width", 0)) == 900


# --- junit.xml -------------------------------------------------------------------------------


def suites(run: Any) -> dict[str, ET.Element]:
    root = ET.fromstring(report.render(run, "junit", runs.logs))
    return {suite.get("name", ""): suite for suite in root}


def test_releases_are_suites_and_cells_are_cases() -> None:
    failures: dict[str, runs.Failure] = {
        "A": (Verdict.FAIL, "KeyError: 'x'"),
        "T": (Verdict.TIMEOUT, "timeout"),
    }
    found = suites(runs.drawn("2.4 2.5\na ✓ A\nb – !\nc T ?", failures))
    old, new = (found[f"TensorFlow {v}.0, Python 3.8, cpu"] for v in ("2.4", "2.5"))
    assert [old.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    assert [new.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["2", "1", "1", "0"]
    endings = [
        (case.get("name"), [(e.tag, e.get("type"), e.get("message")) for e in case])
        for suite in (old, new)
        for case in suite
    ]
    assert endings == [
        ("a", []),
        ("b", [("skipped", "skip", "tf.function came with TensorFlow 1.14")]),
        ("c", [("failure", "timeout", "timeout")]),
        ("a", [("failure", "fail", "KeyError: 'x'")]),
        ("b", [("error", "error", "the disk is full")]),
    ]


def test_an_inferred_cell_is_a_test_that_did_not_run() -> None:
    (_, inferred, _) = suites(runs.drawn("2.4 2.5 2.6\na A A≈ A")).values()
    assert [inferred.get(k) for k in ("tests", "failures", "skipped")] == ["1", "0", "1"]
    (ending,) = inferred[0]
    assert (ending.tag, ending.get("message")) == (
        "skipped",
        "not measured, inferred from 2.4.0-py3.8-cpu and 2.6.0-py3.8-cpu: fail",
    )


def test_a_flaky_cell_says_so_in_its_output() -> None:
    (suite,) = suites(runs.drawn("2.4\na ✓3/5\nb A2/3")).values()
    assert [case.findtext("system-out") for case in suite] == [
        "flaky: 3 of 5 attempts said this",
        "flaky: 2 of 3 attempts said this",
    ]


def test_a_failure_carries_the_end_of_its_log() -> None:
    (suite,) = suites(runs.drawn("2.5\na A")).values()
    assert "ValueError: no" in (suite.findtext("testcase/failure") or "")


# --- index.html ------------------------------------------------------------------------------


@mutable
class Document(HTMLParser):
    """The elements of a page with their attributes, its scripts, and its table."""

    elements: list[tuple[str, dict[str, Optional[str]]]] = field(factory=list)
    scripts: list[str] = field(factory=list)
    style: str = ""
    heading: str = ""
    _inside: str = ""

    def __attrs_post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style", "h1") or self._inside != "h1" else "h1"
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "style":
            self.style += data
        elif self._inside == "h1":
            self.heading += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, Optional[str]]]:
        wanted = attributes.items()
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted)]


def page(run: Any, logs: Callable[[str], str] = runs.logs, **extras: Any) -> Document:
    document = Document()
    document.feed(report.render(run, "html", logs, Extras(**extras)))
    document.close()
    return document


def test_the_table_is_one_that_a_screen_reader_knows() -> None:
    """The folded one, and the whole one behind it."""
    document = page(runs.wide())
    (short,) = folded.tables(grid.build_grid(runs.wide()))
    assert len(document.all("table")) == 2
    assert len(document.all("th", scope="row")) == len(short.lines) + 18
    assert len(document.all("th", scope="col")) == 1 + len(short.places) + 1 + 26
    labels = [a.get("aria-label") for a in document.all("button", tabindex="-1")]
    assert len(labels) == len(short.lines) * len(short.places) + 18 * 26
    whole = labels[-18 * 26 :]
    assert whole.count("pass") == 331
    assert whole.count("fail, B, not as expected") == 6


def test_the_page_opens_with_the_answer() -> None:
    assert page(runs.drawn("2.4 2.5\na ✓ A")).heading == (
        "a fails on 2.5 (ErrorA: what A says), passes on 2.4."
    )


@pytest.mark.parametrize("name", RUNS)
def test_the_page_runs_one_script_and_loads_nothing(name: str) -> None:
    document = page(RUNS[name](), lambda path: "\n".join(runs.HOSTILE))
    data, script = document.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = document.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in (
        policy["content"] or ""
    )
    json.loads(data)
    assert re.search(r"url\(|@import", document.style) is None
    for tag, attributes in document.elements:
        assert tag not in ("link", "img", "iframe", "object", "a", "b onerror", "base", "form")
        assert not any(name.startswith("on") or name in ("src", "href") for name in attributes)


def cell_of(data: Any, row: int, column: int) -> dict[str, Any]:
    """What the page's script makes of the list that stands for a cell."""
    shared, *rest = data["cells"][row][column]
    names = ("seconds", "memory", "observed", "file", "log", "environment", "left")
    own = {name: value for name, value in zip(names, rest) if value is not None}
    place = own.setdefault("environment", data["columns"][column]["environments"][0])
    if own.get("file") == 1:
        own["file"] = f"{data['rows'][row]['prefix']}{place}.txt"
    return {**data["shared"][shared], **own}


def test_the_evidence_of_each_cell_is_in_the_page() -> None:
    run = runs.drawn(
        "2.4 2.5\na ✓ A≠", observations={("a", "2.5"): {"loss": 0.5, "how": "</script>"}}
    )
    place = "2.5.0-py3.8-cpu"
    data = json.loads(page(run, dockerfiles={place: "FROM python:3.8\n"}).scripts[0])
    cell = cell_of(data, 0, 1)
    assert data["signatures"][cell["letter"]] == "ErrorA: what A says"
    assert data["observed"][cell["observed"]] == {"loss": 0.5, "how": "</script>"}
    assert "ValueError: no" in [data["lines"][line] for line in data["logs"][cell["log"]]]
    assert (cell["verdict"], cell["exit"], cell["expected"]) == ("fail", 1, "pass")
    assert data["environments"][place]["dockerfile"] == "FROM python:3.8\n"
    assert "numpy==1.23.5" in data["environments"][place]["packages"]


def test_a_cell_says_only_what_it_does_not_share() -> None:
    """Its file and environment only where they are not the usual ones of its row and column."""
    run = runs.drawn("2.4 2.5\na ✓ A\nb ✓ A\nc ✓ ✓")
    told = [evolve(r, log=f"logs/{r.case}__{r.environment}.txt") for r in run.results]
    told[-1] = evolve(told[-1], log="logs/else.txt", environment="another")
    data = json.loads(page(evolve(run, results=tuple(told))).scripts[0])
    assert [cell["verdict"] for cell in data["shared"]] == ["pass", "fail"]
    assert [[cell[0] for cell in row] for row in data["cells"]] == [[0, 1], [0, 1], [0, 0]]
    found = [cell_of(data, row, column) for row in range(3) for column in range(2)]
    assert [cell["file"] for cell in found] == [result.log for result in told]
    assert [cell["environment"] for cell in found] == [result.environment for result in told]
    assert data["cells"][0][0][4] == 1, "the usual file"


DRAWN = runs.drawn("2.4 2.5\na ✓ ✓")


def test_the_page_lists_what_each_cell_left() -> None:
    run = runs.with_files(DRAWN, ("a/b", "out/x/a/b", 1500), ("c", "out/x/c", 0))
    document = page(run)
    data = json.loads(document.scripts[0])
    left, none = (cell_of(data, 0, column) for column in range(2))
    files = [["a/b", "out/x/a/b", 1500], ["c", "out/x/c", 0]]
    assert left["left"] == {"files": files, "more": 0}
    assert "left" not in none
    shown = report.render(run, "html", runs.logs, Extras())
    assert "1 cell left 2 files, 2 KB" in shown
    assert "left" not in page(DRAWN).heading


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "out/../../x", "//host/x", "out/\u202ex", ""]
)
def test_links_to_what_cells_left_stay_in_the_run(path: str) -> None:
    run = runs.with_files(DRAWN, ("a", path, 1), ("\u202eb<c", "out/x/b", 1))
    left = cell_of(json.loads(page(run).scripts[0]), 0, 0)
    assert left["left"] == {"files": [["b<c", "out/x/b", 1]], "more": 0}


def test_what_cells_left_is_bounded_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.with_files(DRAWN, *((str(n), f"out/x/{n}", 1) for n in range(60)))
    left = cell_of(json.loads(page(run).scripts[0]), 0, 0)
    assert (len(left["left"]["files"]), left["left"]["more"]) == (50, 10)
    monkeypatch.setattr(html_cells, "MOST_LEFT", 100)
    left = cell_of(json.loads(page(run).scripts[0]), 0, 0)
    assert left["left"] == {"files": [], "more": 60}


def test_a_value_that_is_no_json_does_not_break_the_page() -> None:
    odd: dict[tuple[str, str], dict[str, Any]] = {
        ("a", "2.4"): {"x": float("nan"), "y": [float("inf")], "__proto__": 1, "n": 10**400}
    }
    data = json.loads(
        page(runs.drawn("2.4\na ✓", observations=odd)).scripts[0], parse_constant=fail
    )
    assert data["observed"][0]["x"] == "NaN"


def fail(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_the_chips_count_inferred_cells_apart() -> None:
    document = page(RUNS["adaptive"]())
    assert [a["data-outcome"] for a in document.all("button", **{"class": "chip"})] == [
        *("pass", "fail", "inferred")
    ]


def test_the_command_of_one_cell_narrows_the_runs_own() -> None:
    command = "tfmatrix run 'my script.py' --tf '>=2.4' --case 'a*' --device=cuda --timeout 9"
    run = evolve(runs.drawn("2.4\na ✓"), info=runs.head(command=command))
    data = json.loads(page(run).scripts[0])
    assert data["command"] == "tfmatrix run 'my script.py' --timeout 9"
    assert data["rows"][0]["plain"] == "python script.py a"


def test_a_page_of_1872_cells_stays_under_a_megabyte() -> None:
    def log(path: str) -> str:
        return "\n".join(f"{path} says {line} in a line of its own" for line in range(60))

    run = runs.wide(72)
    assert len(run.results) == 1872
    assert len(report.render(run, "html", log).encode("utf-8")) < 1_000_000


def test_equal_lines_are_written_once_whenever_tensorflow_wrote_them() -> None:
    def log(path: str) -> str:
        return (
            f"2026-11-22 20:17:55.{len(path):06}: I tensorflow/core/util/port.cc:113] oneDNN is on"
        )

    data = json.loads(page(runs.drawn("2.4 2.5\na-long-name ✓ ✓\nb ✓ ✓"), log).scripts[0])
    assert data["lines"] == ["I tensorflow/core/util/port.cc:113] oneDNN is on"]
    assert data["logs"] == [[0]]


def test_logs_are_bounded_and_failures_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_data, "MOST_LOGS", 30_000)
    data = json.loads(page(runs.wide(), lambda path: path + "x" * 300).scripts[0])
    assert sum(map(len, data["lines"])) < 31_000
    places = [(r, c) for r, row in enumerate(data["cells"]) for c, cell in enumerate(row) if cell]
    cells = [cell_of(data, *place) for place in places]
    letters = {cell["letter"] for cell in cells if "letter" in cell}
    assert letters <= {cell.get("letter") for cell in cells if "log" in cell}
    assert any("log" not in cell for cell in cells)


def test_what_stands_behind_dashes_stays_last() -> None:
    command = "tfmatrix run --tf 2.9 --engine local -- pytest tests/ --tf x"
    info = RunInfo(id="r", started="", engine="local", tool_version="0", command=command)
    run = Run(info=info, environments=(), results=())
    assert command_base(run) == "tfmatrix run --engine local"
    assert command_end(run) == "-- pytest tests/ --tf x"
