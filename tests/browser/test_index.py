"""index.html in Chromium: filters, folds, evidence, keys, links, colours, attacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import evolve

from runner import grid
from runner.model import Run
from runner.report import Extras, links
from tests.browser import matrices
from tests.browser.conftest import PHONE, Look
from tests.unit import runs
from tests.unit.test_grid_along import along
from tests.unit.test_report_markdown import RUNS as SHAPES

pytestmark = pytest.mark.browser

RUNS: dict[str, Callable[[], Run]] = {
    "small": matrices.small,
    "two devices": matrices.two_devices,
    "adaptive": matrices.adaptive,
    "long names": matrices.long_names,
    "wide": runs.wide,
    "hostile": runs.hostile,
    "along": lambda: along("✓", "✓", "A", "A"),
}


def cases(page: Any) -> list[str]:
    shown: list[str] = page.locator("#tables tbody tr th:visible").all_inner_texts()
    return shown


def columns(page: Any) -> list[str]:
    shown: list[str] = page.locator("#tables thead th.v:visible").all_inner_texts()
    return [" ".join(label.split()) for label in shown]


def row(page: Any, case: str) -> Any:
    """The last that is shown: where the whole grid is open, its own."""
    name = page.locator(f"th >> text=/^{case}$/")
    return page.locator("#tables tbody tr:visible", has=name).last


FIND = """([name, label]) => {
  const data = JSON.parse(document.getElementById("data").textContent);
  return [data.rows.findIndex((row) => row.case === name),
    data.columns.findIndex((column) => column.label === label)].join();
}"""


def cell(page: Any, case: str, column: str) -> Any:
    """The button that stands for a cell: where the whole grid is open, its own."""
    key = page.evaluate(FIND, [case, column])
    places = f"td[data-k='{key}'] button:visible, td[data-all~='{key}'] button:visible"
    return page.locator(places).last


def dimmed(page: Any) -> list[str]:
    shown: list[str] = page.locator("td.off button:visible").all_inner_texts()
    return shown


def panel(page: Any) -> Any:
    return page.locator("#evidence")


# --- Filters ---------------------------------------------------------------------------------


def test_an_outcome_dims_all_others_and_hides_cases_without_it(look: Look) -> None:
    page = look(matrices.small())
    page.get_by_role("button", name="crash 1").click()
    assert cases(page) == ["two"]
    assert dimmed(page) == ["–", "✓", "✓", "✓"]
    assert page.locator("#status").inner_text() == "1 of 18 cells"
    page.get_by_role("button", name="Show all").click()
    assert cases(page) == ["one", "two", "three"]
    assert dimmed(page) == []


def test_outcomes_add_up(look: Look) -> None:
    page = look(matrices.small())
    page.get_by_role("button", name="crash 1").click()
    page.get_by_role("button", name="error 1").click()
    assert cases(page) == ["two", "three"]


def test_a_signature_filters(look: Look) -> None:
    page = look(matrices.small())
    letter = page.locator("button[data-letter=A]")
    letter.click()
    assert letter.get_attribute("aria-pressed") == "true"
    assert cases(page) == ["one", "three"]
    assert set(dimmed(page)) == {"✓", "!"}


def test_what_was_not_expected_filters(look: Look) -> None:
    page = look(matrices.small())
    page.get_by_role("button", name="not as expected 1").click()
    assert cases(page) == ["three"]
    assert "A≠" not in dimmed(page)


def test_a_device_shows_its_columns_alone(look: Look) -> None:
    page = look(matrices.two_devices())
    assert columns(page) == ["2.4", "2.5–2.6", "2.4–2.5", "2.6"]
    page.get_by_role("button", name="cuda", exact=True).click()
    assert columns(page) == ["2.4–2.5", "2.6"]
    assert page.locator("#tables h2:visible").all_inner_texts() == ["cuda"]
    assert row(page, "one").locator("td").all_inner_texts() == ["✓", "B"]


def test_device_outcome_and_signature_together(look: Look) -> None:
    page = look(matrices.two_devices())
    page.get_by_role("button", name="cuda", exact=True).click()
    page.get_by_role("button", name="fail 2").click()
    assert cases(page) == []
    page.get_by_role("button", name="fail 2").click()
    page.locator("button[data-letter=B]").click()
    assert cases(page) == ["one"]


def test_an_inferred_pass_is_not_found_among_the_passes(look: Look) -> None:
    page = look(matrices.adaptive())
    assert page.get_by_role("button", name="pass 4").count() == 1
    page.get_by_role("button", name="pass 4").click()
    assert "✓≈" in dimmed(page)
    page.get_by_role("button", name="pass 4").click()
    page.get_by_role("button", name="inferred 2").click()
    assert cases(page) == ["one"]
    assert dimmed(page) == ["✓", "✓"]


def test_flaky_cells_say_k_of_n_and_filter(look: Look) -> None:
    page = look(matrices.adaptive())
    assert [
        " ".join(text.split()) for text in row(page, "two").locator("td").all_inner_texts()
    ] == [*("✓3/5", "✓", "A2/3", "A")]
    page.get_by_role("button", name="flaky 2").click()
    assert cases(page) == ["two"]


# --- Folds -----------------------------------------------------------------------------------


def test_the_page_opens_folded_and_unfolds(look: Look) -> None:
    page = look(matrices.small())
    assert columns(page) == ["1.15", "2.4", "2.5–2.6", "2.7", "2.8"]
    assert row(page, "two").locator("td").all_inner_texts() == ["–", "✓", "✓", "✓", "B"]
    page.locator("#whole summary").click()
    assert columns(page)[5:] == ["1.15", "2.4", "2.5", "2.6", "2.7", "2.8"]
    assert row(page, "two").locator("td").all_inner_texts() == ["–", "✓", "✓", "✓", "✓", "B"]
    page.wait_for_url("**#whole=1")


def test_what_does_not_fold_is_there_once(look: Look) -> None:
    page = look(runs.drawn("2.4 2.5\none ✓ A\ntwo A ✓"))
    assert page.locator("#tables table").count() == 1
    assert page.locator("#whole").count() == 0


def test_a_variant_has_columns_of_its_own_and_cells_only_where_it_exists(look: Look) -> None:
    run = runs.drawn("2.15 2.16 2.17\na ✓ A A\nb ✓ ✓ ✓\na@keras=legacy – ✓ ✓")
    page = look(runs.with_legacy_keras(run))
    assert columns(page) == ["2.15", "2.16–2.17", "2.16–2.17 keras=legacy"]
    assert row(page, "b").locator("td").all_inner_texts() == ["✓", "✓", ""]
    row(page, "a").locator("td button").last.click()
    assert "a@keras=legacy on TensorFlow 2.16.0" in panel(page).inner_text()
    assert panel(page).get_by_role("button", name="previous release").is_disabled()


def test_a_folded_cell_leads_to_every_cell_that_it_stands_for(look: Look) -> None:
    page = look(matrices.small())
    cell(page, "one", "2.5").click()
    assert "one on TensorFlow 2.5.0" in panel(page).inner_text()
    panel(page).locator("summary", has_text="2 cells show the same").click()
    panel(page).get_by_role("button", name="2.6", exact=True).click()
    assert "one on TensorFlow 2.6.0" in panel(page).inner_text()
    assert cell(page, "one", "2.5").get_attribute("aria-current") == "true"


def test_equal_cases_share_a_row(look: Look) -> None:
    page = look(runs.drawn("2.4 2.5\nfit-a ✓ A\nfit-b ✓ A\nrun ✓ ✓"))
    assert cases(page) == ["fit-* (2)", "run"]


# --- Evidence --------------------------------------------------------------------------------


def test_a_cell_opens_its_evidence(look: Look) -> None:
    files = {"2.7.0-py3.8-cpu": "FROM python:3.8-slim\nRUN true"}
    page = look(matrices.small(), extras=Extras(dockerfiles=files))
    cell(page, "one", "2.7").click()
    shown = panel(page).inner_text()
    assert "one on TensorFlow 2.7.0" in shown
    assert "KeyError: 'x'" in shown
    assert "ValueError: no" in shown, "the log"
    command = panel(page).locator("pre.command").inner_text().replace(" \\\n ", "")
    assert command.startswith("tfmatrix run script.py --tf 2.7.0 --case one --device cpu\n")
    panel(page).locator("summary", has_text="Environment").click()
    assert "numpy==1.23.5" in panel(page).inner_text()
    panel(page).locator("summary", has_text="Dockerfile").click()
    assert "FROM python:3.8-slim" in panel(page).inner_text()


def test_the_log_opens_at_the_traceback(look: Look) -> None:
    start = "2026-11-22 20:17:55.746006: I tensorflow/core/util/port.cc:113] oneDNN is on\n"
    failed = "Traceback (most recent call last):\n  File 'x'\nKeyError: 'x'\n"
    page = look(matrices.small(), logs=lambda _: start * 3 + failed)
    cell(page, "one", "2.7").click()
    assert panel(page).locator("pre.log").inner_text() == failed.strip()
    panel(page).locator("summary", has_text="3 earlier lines").click()
    assert "I tensorflow/core/util/port.cc:113] oneDNN is on" in panel(page).inner_text()


def test_the_log_of_a_pass_opens_after_what_tensorflow_says_at_its_start(look: Look) -> None:
    start = "2026-11-22 20:17:55.746006: I tensorflow/core/util/port.cc:113] oneDNN is on\n"
    page = look(matrices.small(), logs=lambda _: f"{start}loss 0.5\n{start}done\n")
    cell(page, "three", "1.15").click()
    assert panel(page).locator("pre.log").inner_text().splitlines()[0] == "loss 0.5"


def test_an_inferred_cell_names_its_evidence_and_has_none_itself(look: Look) -> None:
    page = look(matrices.adaptive())
    cell(page, "one", "2.5").click()
    shown = panel(page).inner_text()
    assert "Nobody measured this cell" in shown
    assert "ValueError" not in shown
    panel(page).get_by_role("button", name="2.7", exact=True).click()
    assert "one on TensorFlow 2.7.0" in panel(page).inner_text()


def test_a_flaky_cell_says_so_in_its_evidence(look: Look) -> None:
    page = look(matrices.adaptive())
    cell(page, "two", "2.6").click()
    assert "Flaky: 2 of 3 attempts said this." in panel(page).inner_text()


def test_an_observation_is_drawn_over_the_releases_and_its_change_marked(look: Look) -> None:
    page = look(matrices.small())
    cell(page, "one", "2.6").click()
    loss = panel(page).locator(".observed", has=page.locator(".name >> text='loss'"))
    assert loss.locator(".value").inner_text() == "0.25"
    assert "changes at 2.5" in loss.inner_text()
    assert loss.locator("svg circle.step").count() == 1
    assert "from 0.25 to 0.5" in (loss.locator("svg").get_attribute("aria-label") or "")


@pytest.mark.parametrize(("other", "high"), [(0.500001, 1), (0.6, 18)])
def test_what_is_within_the_tolerance_looks_flat(other: float, high: float, look: Look) -> None:
    values = {("one", f"2.{n}"): {"loss": loss} for n, loss in enumerate([0.5, 0.5, other])}
    page = look(runs.drawn("2.0 2.1 2.2\none ✓ ✓ ✓", observations=values))
    cell(page, "one", "2.1").click()
    drawn = panel(page).locator("path.spark").evaluate("(path) => path.getBBox().height")
    assert abs(drawn - high) <= 1


def test_the_page_tells_where_values_change_and_leads_there(look: Look) -> None:
    page = look(matrices.small())
    values = page.get_by_role("region", name="Same outcome, other values")
    item = values.locator("li", has_text="loss")
    assert re.search(r"2\.4 → 2\.5\s+loss from 0\.5 to 0\.25 in one", item.inner_text())
    assert item.locator("svg path.spark").count() == 1
    item.get_by_role("button", name="one").click()
    assert "one on TensorFlow 2.5.0" in panel(page).inner_text()


def test_each_release_is_one_step_from_the_next(look: Look) -> None:
    page = look(matrices.small())
    cell(page, "two", "2.7").click()
    panel(page).get_by_role("button", name="next release").click()
    assert "two on TensorFlow 2.8.0" in panel(page).inner_text()
    assert panel(page).get_by_role("button", name="next release").is_disabled()


# --- Keys ------------------------------------------------------------------------------------


def test_the_keyboard_alone_reads_the_page(look: Look) -> None:
    page = look(matrices.small())
    page.locator("#tables td button[tabindex='0']").focus()
    assert page.locator(":focus").evaluate("(b) => b.closest('td').dataset.k") == "0,0"
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "End"):
        page.keyboard.press(key)
    assert page.locator(":focus").inner_text() == "A"
    page.keyboard.press("Enter")
    assert page.locator(":focus").inner_text() == "one on TensorFlow 2.8.0"
    page.keyboard.press("Escape")
    assert panel(page).is_hidden()
    assert page.locator(":focus").inner_text() == "A"


def test_arrows_pass_over_what_is_hidden(look: Look) -> None:
    page = look(matrices.small(), "letter=B")
    page.locator("td button[tabindex='0']").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.locator(":focus").inner_text() == "B"
    page.keyboard.press("ArrowDown")
    assert page.locator(":focus").inner_text() == "B"


def test_the_grid_is_one_stop_for_tab(look: Look) -> None:
    page = look(runs.wide())
    assert page.locator("td button[tabindex='0']").count() == 1
    page.locator(".chip[data-outcome=crash]").click()
    assert page.locator("td button[tabindex='0']").count() == 1
    assert page.locator("td button[tabindex='0']").is_visible()


def test_what_has_the_focus_can_be_seen(look: Look) -> None:
    page = look(matrices.small())
    page.locator(".chip").last.focus()
    page.keyboard.press("Tab")
    outline = page.locator(":focus").evaluate("(b) => getComputedStyle(b).outlineStyle")
    assert outline == "solid"


# --- Links -----------------------------------------------------------------------------------


def test_a_link_opens_the_same_view(look: Look) -> None:
    page = look(matrices.two_devices())
    page.get_by_role("button", name="cuda", exact=True).click()
    page.locator("button[data-letter=B]").click()
    page.locator("#whole summary").click()
    row(page, "one").locator("td button").first.click()
    here = page.url.partition("#")[2]
    again = look(matrices.two_devices(), here)
    for each in (page, again):
        assert cases(each) == ["one", "one"]
        assert columns(each) == ["2.4–2.5", "2.6", "2.4", "2.5", "2.6"]
        assert "one on TensorFlow 2.4.0" in panel(each).inner_text()
        assert each.locator("button[data-letter=B]").get_attribute("aria-pressed") == "true"
    assert again.url.partition("#")[2] == here


def _value(column: grid.Column) -> str:
    return f", keras {column.value}" if column.value else ""


@pytest.mark.parametrize("name", ["two devices", "along", "hostile", "small"])
def test_each_link_of_a_report_opens_its_own_cell(name: str, look: Look) -> None:
    run = RUNS[name]()
    built = grid.build_grid(run)
    page = look(run)
    for row in built.rows:
        for column in built.columns:
            if built.mark(row, column).impossible or built.cell(row, column) is None:
                continue
            key = f"{row.index},{column.index}"
            page.evaluate("(link) => { location.hash = link; }", links.cell_link("", row, column))
            shown = page.locator(
                f"td[data-k='{key}'] [aria-current], td[data-all~='{key}'] [aria-current]"
            )
            shown.first.wait_for(state="attached")
            title = panel(page).locator("h2").inner_text()
            assert title.endswith(f"TensorFlow {column.tensorflow}{_value(column)}")


def test_a_link_to_what_is_not_there_opens_the_page(look: Look) -> None:
    page = look(matrices.small(), "outcome=nothing&case=gone&repro=script&on=9.9/cpu/3.8&x=%")
    assert panel(page).is_hidden()
    page.get_by_role("button", name="Show all").click()
    assert cases(page) == ["one", "two", "three"]


def test_a_changed_link_changes_the_view(look: Look) -> None:
    page = look(matrices.small())
    page.evaluate("location.hash = 'whole=1&outcome=crash'")
    page.locator("#whole tbody tr >> nth=0").wait_for(state="hidden")
    assert cases(page) == ["two", "two"]


# --- Attacks ---------------------------------------------------------------------------------

ATTACK = "\n".join(
    [
        "</script><script>document.title = 'owned'</script>",
        "<img src=x onerror=\"document.title='owned'\">",
        "</script ><script >document.title = 'owned'</script >",
        "<!--<script>",
        "]]>&lt;b&gt;",
        *runs.HOSTILE,
    ]
)


def test_nothing_in_a_log_a_name_or_a_file_runs(look: Look) -> None:
    files = {each.id: ATTACK for each in runs.hostile().environments}
    page = look(runs.hostile(), logs=lambda _: ATTACK, extras=Extras(dockerfiles=files))
    for button in page.locator("#tables td:first-of-type button:visible").all():
        button.click()
        for summary in panel(page).locator("summary").all():
            summary.click()
    assert "onerror=" in panel(page).inner_text(), "it is shown, as text"
    assert page.title() != "owned"
    assert page.locator("img, iframe, b b, a").count() == 0
    assert page.locator("script").count() == 2


# --- Looks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_a_phone_never_scrolls_sideways(name: str, look: Look) -> None:
    page = look(RUNS[name](), logs=lambda _: "x" * 500, **PHONE)
    assert sideways(page) == 0
    button = page.locator("td button").first
    button.click()
    assert sideways(page) == 0
    box = panel(page).bounding_box()
    assert box is not None
    assert box["width"] <= 390
    assert panel(page).evaluate("(e) => e.scrollWidth - e.clientWidth") == 0


def sideways(page: Any) -> int:
    wider: int = page.evaluate(
        "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth"
    )
    return wider


@pytest.mark.parametrize("name", ["small", "long names"])
def test_the_names_of_cases_leave_room_for_the_grid_on_a_phone(name: str, look: Look) -> None:
    page = look(RUNS[name](), **PHONE)
    for head in page.locator("tbody tr[data-r] th").all():
        box = head.bounding_box()
        assert box is not None
        assert 40 <= box["width"] <= 195


def test_headers_stay_in_sight(look: Look) -> None:
    """Of a table that fits, the head; of one that does not, the names."""
    page = look(runs.wide(60), "whole=1", viewport={"width": 1400, "height": 600})
    page.locator("#whole tbody tr >> nth=30").scroll_into_view_if_needed()
    head = page.locator("#whole thead th.v").nth(14).bounding_box()
    assert head is not None
    assert 0 <= head["y"] <= 1
    page.set_viewport_size({"width": 700, "height": 600})
    box = page.locator("#whole .scroll")
    box.evaluate("(e) => e.scrollTo(400, 0)")
    frame, first = box.bounding_box(), page.locator("#whole tbody th").nth(30).bounding_box()
    assert frame is not None
    assert first is not None
    assert abs(first["x"] - frame["x"]) <= 7


def test_what_goes_on_to_the_right_has_a_sign_until_its_end_is_seen(look: Look) -> None:
    page = look(runs.wide(), "whole=1", **PHONE)
    wide = page.locator("#whole .wide")
    assert "more" in (wide.get_attribute("class") or "").split()
    page.locator("#whole .scroll").evaluate("(e) => e.scrollTo(9000, 0)")
    page.locator("#whole .wide:not(.more)").wait_for(state="attached")


@pytest.mark.parametrize("size", [PHONE, {}])
def test_nothing_in_the_page_scrolls_down_by_itself(size: Any, look: Look) -> None:
    page = look(runs.wide(60), "whole=1", logs=lambda _: "line\n" * 200, **size)
    page.locator("td button:visible").first.click()
    boxes = """() => [...document.querySelectorAll("main *, aside *")].filter((e) =>
      /auto|scroll/.test(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight + 1
    ).map((e) => e.className)"""
    assert page.evaluate(boxes) == []


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour, under) => {
    canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
  const ground = (e) => e === null ? [255, 255, 255]
    : rgb(getComputedStyle(e).backgroundColor, css(ground(e.parentElement)));
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (c) => c.map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, :disabled, caption")) continue;
    const back = ground(element), front = rgb(getComputedStyle(element).color, css(back));
    const [low, high] = [light(back), light(front)].sort((a, b) => a - b);
    found.push([(high + 0.05) / (low + 0.05), walker.currentNode.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["small", "adaptive", "wide"])
def test_every_text_can_be_read_on_what_it_stands_on(name: str, scheme: str, look: Look) -> None:
    page = look(RUNS[name](), color_scheme=scheme)
    page.locator("td button").first.click()
    found = page.evaluate(CONTRASTS)
    assert len(found) > 40
    assert [text for ratio, text in found if ratio < 4.5] == []


def test_dark_is_dark(look: Look) -> None:
    page = look(matrices.small(), color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 20, 23)"


def test_without_its_script_the_page_is_still_a_table(look: Look) -> None:
    page = look(matrices.small(), java_script_enabled=False)
    assert page.locator("#filters").is_hidden()
    assert cases(page) == ["one", "two", "three"]
    page.locator("#whole summary").click()
    assert len(cases(page)) == 6


# --- Accessibility ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["small", "two devices", "adaptive"])
@pytest.mark.parametrize("view", ["", "whole=1", "open"])
def test_axe_finds_nothing(name: str, view: str, scheme: str, look: Look) -> None:
    from axe_playwright_python.sync_playwright import Axe

    run = RUNS[name]()
    page = look(run, opened(run) if view == "open" else view, color_scheme=scheme)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SHAPES)
def test_axe_finds_nothing_in_any_shape_of_run(name: str, scheme: str, look: Look) -> None:
    """Nor is a page wider than a narrow screen."""
    from axe_playwright_python.sync_playwright import Axe

    page = look(SHAPES[name](), color_scheme=scheme, viewport={"width": 420, "height": 900})
    assert sideways(page) <= 0
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def opened(run: Run) -> str:
    first = run.results[0]
    return urlencode(
        {
            "repro": first.repro,
            "case": first.case,
            "on": f"{first.tensorflow}/{first.device}/{first.python}",
        }
    )


def test_a_screen_reader_hears_case_release_and_outcome(look: Look) -> None:
    """The name of each cell, and the headers that its row and column give it."""
    page = look(matrices.small())
    tree = page.locator("#tables table").first.aria_snapshot()
    assert 'columnheader "2.7"' in tree
    assert 'rowheader "three"' in tree
    assert 'cell "fail, A, not as expected"' in tree


def test_what_a_filter_does_is_announced(look: Look) -> None:
    page = look(matrices.small())
    assert page.get_by_role("status").inner_text() == ""
    page.locator("button[data-letter=A]").click()
    assert page.get_by_role("status").inner_text() == "3 of 18 cells"


def test_nothing_moves(look: Look) -> None:
    page = look(matrices.small())
    page.get_by_role("button", name="crash 1").click()
    page.locator("td button:visible").first.hover()
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_run_of_one_thing_needs_no_filters_for_devices(look: Look) -> None:
    page = look(evolve(matrices.small(), results=matrices.small().results[:1]))
    assert page.locator("button[data-device]").count() == 0


# --- Files that cells left -------------------------------------------------------------------


def test_what_a_cell_left_is_linked_to_be_saved(look: Look) -> None:
    run = runs.with_files(
        runs.drawn("2.4 2.5\na ✓ A"), ("b <b>.html", "out/x/b <b>.html", 7), ("c", "out/x/c#?", 0)
    )
    page = look(run)
    cell(page, "a", "2.4").click()
    assert panel(page).locator("li").all_inner_texts() == ["b <b>.html 7 bytes", "c 0 bytes"]
    links = panel(page).locator("a[download]")
    found = [links.nth(n).get_attribute("href") for n in range(links.count())]
    assert found == ["out/x/b%20%3Cb%3E.html", "out/x/c%23%3F"]
    cell(page, "a", "2.5").click()
    assert panel(page).locator("a[download]").count() == 0
