"""The name, glyph and colour of each outcome, for every report.

No information is in the colour alone: each cell also shows its glyph. A search chose fills that
people with red or green blindness can tell apart. A test checks this, and that each ink has a
contrast of at least 4.5 to its fill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Optional

from attrs import frozen

from runner.grid import PASS, Entry, Grid, Mark
from runner.machine.units import count
from runner.model import RunInfo, Verdict
from runner.report.text import clean


@frozen
class Words:
    """An outcome in words: on a label, and in a sentence about one case or several."""

    label: str
    one: str
    several: str


@frozen
class Paint:
    """Fill and ink of a cell, in light and in dark."""

    light: tuple[str, str]
    dark: tuple[str, str]


WORDS: Mapping[Optional[Verdict], Words] = {
    Verdict.PASS: Words("pass", "passes", "pass"),
    Verdict.FAIL: Words("fail", "fails", "fail"),
    Verdict.CRASH: Words("crash", "crashes", "crash"),
    Verdict.TIMEOUT: Words("timeout", "exceeds its time limit", "exceed their time limit"),
    Verdict.OOM: Words("out of memory", "runs out of memory", "run out of memory"),
    Verdict.SKIP: Words("skip", "is skipped", "are skipped"),
    Verdict.ERROR: Words("error", "could not be measured", "could not be measured"),
    None: Words("not measured", "was not measured", "were not measured"),
}

GLYPHS: Mapping[Optional[Verdict], str] = {
    Verdict.PASS: "✓",
    Verdict.SKIP: "–",
    Verdict.ERROR: "!",
    None: "?",
}
"""Every other outcome shows the letter of its signature."""

HOMEPAGE = "https://github.com/tfmatrix/tfmatrix"
"""The tool's address, shown in reports."""


def made_by(info: RunInfo) -> str:
    """The tool, its version and its address as plain text, because no report has links."""
    return f"tfmatrix {info.tool_version} ({HOMEPAGE})"


UNEXPECTED = "≠"
INFERRED = "≈"

KEY: Mapping[Optional[Verdict], str] = {
    Verdict.PASS: "pass",
    Verdict.SKIP: "skipped",
    Verdict.ERROR: "could not be measured",
    None: "not measured",
}
"""The words for each glyph in the legend."""

UNEXPECTED_KEY = "not as expected"
INFERRED_KEY = "inferred from its neighbours, not measured"
VOTES = "k/n"
VOTES_KEY = "this many of the attempts said so"

TERMINAL: Mapping[Verdict, str] = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.CRASH: "bold magenta",
    Verdict.TIMEOUT: "bold yellow",
    Verdict.OOM: "bold yellow",
    Verdict.SKIP: "dim",
    Verdict.ERROR: "bold cyan",
}
"""Styles for Rich."""

Colour = Callable[[Optional[Verdict], str], str]
"""Wraps the text of an outcome in its colour; the visible width stays the same."""


def no_colour(_: Optional[Verdict], text: str) -> str:
    """The text unchanged, for a file or a pipe."""
    return text


PLAIN_PAINTS: Mapping[str, Paint] = {
    "pass": Paint(("#e4f2ed", "#1d6650"), ("#17352c", "#93d3bb")),
    "skip": Paint(("#f1f1ee", "#6a6a66"), ("#25272b", "#9a9ca3")),
    "error": Paint(("#ffffff", "#8a4b00"), ("#16181c", "#ffbe6b")),
    "none": Paint(("#ffffff", "#6a6a66"), ("#16181c", "#9a9ca3")),
}

LETTER_PAINTS: Sequence[Paint] = (
    Paint(("#d9925f", "#2e1300"), ("#a4622a", "#ffffff")),  # orange
    Paint(("#afceff", "#0a2547"), ("#00467b", "#e4f0ff")),  # sky
    Paint(("#fcce85", "#3a2600"), ("#5d4600", "#ffefcb")),  # amber
    Paint(("#9a94dd", "#150b40"), ("#7169b1", "#ffffff")),  # violet
    Paint(("#d58589", "#33050b"), ("#6d2954", "#ffe6f4")),  # rose
    Paint(("#dbaf8c", "#33190a"), ("#6c4b33", "#ffeddf")),  # sand
    Paint(("#989fb3", "#10151f"), ("#677689", "#ffffff")),  # slate
    Paint(("#4735e9", "#ffffff"), ("#321ee6", "#ffffff")),  # indigo
    Paint(("#d7e935", "#2b2f00"), ("#d2e61e", "#1d2000")),  # lime
    Paint(("#ea4364", "#1c0006"), ("#cf9717", "#1f1500")),  # crimson; gold in the dark
    Paint(("#f8f8bf", "#3d3d00"), ("#a0a85d", "#14160a")),  # cream; olive in the dark
    Paint(("#6b62bc", "#ffffff"), ("#1212a5", "#ffffff")),  # iris; navy in the dark
)
"""The colours of the first letter, the second and so on; the thirteenth starts again at the first.
Green stays reserved for passes."""


def outcome_verb(verdict: Optional[Verdict], *, several: bool = False) -> str:
    """The verb for an outcome: `fails`, or `fail` for several cases."""
    words = WORDS[verdict]
    return words.several if several else words.one


def glyph(mark: Mark) -> str:
    """The text of a cell: a glyph or a letter, signs, and k/n if it is flaky."""
    return bare_glyph(mark) + (f" {mark.votes}" if mark.votes else "")


def bare_glyph(mark: Mark) -> str:
    """`glyph` without k/n, for reports that show k/n separately; "" if there is no cell."""
    if mark.impossible:
        return ""
    shown = mark.letter or GLYPHS.get(mark.verdict, "?")
    signs = (UNEXPECTED if mark.unexpected else "") + (INFERRED if mark.inferred else "")
    return shown + signs


def label(mark: Mark) -> str:
    """A cell in words, for screen readers."""
    words = [WORDS[mark.verdict].label, mark.letter]
    words += [UNEXPECTED_KEY] if mark.unexpected else []
    words += ["inferred, not measured"] if mark.inferred else []
    words += ["flaky, {} of {} attempts".format(*mark.votes.split("/"))] if mark.votes else []
    return ", ".join(word for word in words if word)


def finding_glyph(name: str) -> str:
    """The glyph of a finding: `✓` or the letter."""
    return GLYPHS[Verdict.PASS] if name == PASS else name


def paint_name(mark: Mark, entries: Mapping[str, Entry]) -> str:
    """The CSS class of a cell: a key of `paints()`."""
    if mark.letter:
        return letter_paint(entries[mark.letter])
    return "none" if mark.verdict is None else mark.verdict.value


def letter_paint(entry: Entry) -> str:
    return f"s{entry.index % len(LETTER_PAINTS)}"


def paints() -> dict[str, Paint]:
    """Every CSS class of a cell with its colours."""
    return {**PLAIN_PAINTS, **{f"s{i}": paint for i, paint in enumerate(LETTER_PAINTS)}}


def signs_shown(grid: Grid) -> list[tuple[str, str]]:
    """Every glyph and sign except letters that the grid shows, with its meaning."""
    shown = [(GLYPHS[v], words) for v, words in KEY.items() if grid.counts[v] or grid.inferred[v]]
    marks = grid.possible
    if any(mark.unexpected for mark in marks):
        shown.append((UNEXPECTED, UNEXPECTED_KEY))
    if any(mark.inferred for mark in marks):
        shown.append((INFERRED, INFERRED_KEY))
    if any(mark.votes for mark in marks):
        shown.append((VOTES, VOTES_KEY))
    return shown


def cell_count_text(entry: Entry) -> str:
    """`12 cells`, `12 cells, 8 of them inferred`."""
    cells = count(entry.count, "cell")
    return f"{cells}, {entry.inferred} of them inferred" if entry.inferred else cells


def first_place(entry: Entry, quote: Callable[[str], str] = clean) -> str:
    """`, in cell 3, line 2`: the place of the first failure in a notebook; else ""."""
    return f", in {quote(entry.first.place)}" if entry.first.place else ""
