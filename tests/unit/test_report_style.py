"""Colours that can be read, glyphs that can be told apart."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from runner import grid, report
from runner.model import Verdict
from runner.report import style
from tests.unit import runs


def luminance(colour: str) -> float:
    """Of #rrggbb, as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
"""What is seen of a colour: Machado, Oliveira and Fernandes 2009, severity 1."""


def seen(colour: str, eye: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return [sum(weight * c for weight, c in zip(row, channels)) for row in EYES[eye]]


@pytest.mark.parametrize(("name", "paint"), style.paints().items())
def test_ink_can_be_read_on_its_fill(name: str, paint: style.Paint) -> None:
    for fill, ink in (paint.light, paint.dark):
        assert contrast(fill, ink) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_no_two_fills_look_alike(theme: str, eye: str) -> None:
    fills = {
        name: getattr(paint, theme)[0]
        for name, paint in style.paints().items()
        if name not in ("error", "none", "skip")
    }
    for (one, first), (other, second) in itertools.combinations(fills.items(), 2):
        distance = math.dist(seen(first, eye), seen(second, eye))
        assert distance >= 35, f"{one} and {other}: {distance:.0f} of 255"


def test_every_outcome_has_words_and_a_style() -> None:
    assert set(style.WORDS) == {*Verdict, None}
    assert set(style.TERMINAL) == set(Verdict)


def test_signs_follow_the_glyph() -> None:
    assert style.glyph(grid.Mark(verdict=Verdict.PASS)) == "✓"
    assert style.glyph(grid.Mark(verdict=Verdict.FAIL, letter="AB", unexpected=True)) == "AB≠"
    assert style.glyph(grid.Mark(verdict=Verdict.PASS, inferred=True)) == "✓≈"
    assert style.glyph(grid.Mark()) == "?"


def test_twelve_letters_have_colours_of_their_own() -> None:
    assert len(set(style.LETTER_PAINTS)) == len(style.LETTER_PAINTS) >= 12


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_no_failure_looks_like_a_pass(theme: str, eye: str) -> None:
    passed = seen(getattr(style.PLAIN_PAINTS["pass"], theme)[0], eye)
    for paint in style.LETTER_PAINTS:
        assert math.dist(seen(getattr(paint, theme)[0], eye), passed) >= 40


def test_paints_come_round_again_after_the_last() -> None:
    count = len(style.LETTER_PAINTS)
    glyphs = " ".join(f"X{n}" for n in range(count + 1))
    shown = grid.build_grid(
        runs.drawn(f"{' '.join(f'2.{n}' for n in range(count + 1))}\na {glyphs}")
    )
    assert style.letter_paint(shown.legend[0]) == style.letter_paint(shown.legend[count]) == "s0"


def test_the_key_names_what_is_shown_and_nothing_else() -> None:
    shown = grid.build_grid(runs.drawn("2.4 2.5 2.6\na ✓ – A≠"))
    assert [glyph for glyph, _ in style.signs_shown(shown)] == ["✓", "–", "≠"]


def test_a_report_says_where_to_get_what_made_it() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert f'Homepage = "{style.HOMEPAGE}"' in project
    run = runs.drawn("2.9\na ✓")
    for kind in ("md", "html"):
        shown = report.render(run, kind, lambda _: "")
        assert style.HOMEPAGE in shown
        assert run.info.tool_version in shown
