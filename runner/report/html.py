"""index.html: the grid to look at and ask; one file that loads nothing from anywhere.

The page is a table that reads without JavaScript. The script in it filters, folds and opens the
evidence of a cell from the data that is embedded as JSON. A content security policy names the hash
of that one script: whatever else got into the page could not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from attrs import frozen
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from runner.grid import Grid, Mark, span
from runner.report import html_data, style
from runner.report.answer import answer, sentences, turn
from runner.report.context import Context
from runner.report.text import clean, clip, count


@frozen
class Chip:
    """A switch of the filter: its glyph, words, and how many cells it is about."""

    value: str
    paint: str
    glyph: str
    words: str
    count: int


def render(context: Context) -> str:
    script, data = _asset("index.js"), html_data.embedded(context)
    text: str = _template().render(
        context=context,
        grid=context.grid,
        info=context.run.info,
        style=style,
        title=clip(answer(context.grid), 120),
        answers=[Markup(sentence) for sentence in sentences(context.grid, _code)],
        css=Markup(_asset("index.css").replace("/* paints */", _paints())),
        script=Markup(script),
        script_hash=_hash(script),
        data=Markup(data),
        chips=list(_chips(context.grid)),
        folds=_folds(context.grid),
        heads=_heads(context.grid),
        turns=[(t, turn(t)) for t in context.grid.transitions],
        label=_label,
        clean=clean,
        count=count,
    )
    return text


def _code(text: str) -> str:
    return f"<code>{escape(clean(text))}</code>"


@cache
def _asset(name: str) -> str:
    return resources.files("runner.report").joinpath(name).read_text("utf-8")


@cache
def _template() -> Any:
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_asset("index.html.j2"))


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _paints() -> str:
    paints = style.paints().items()
    light = "".join(f"--{n}:{p.light[0]};--{n}-ink:{p.light[1]};" for n, p in paints)
    dark = "".join(f"--{n}:{p.dark[0]};--{n}-ink:{p.dark[1]};" for n, p in paints)
    rules = "".join(f".{n}{{background:var(--{n});color:var(--{n}-ink)}}" for n, _ in paints)
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}{rules}"


def _chips(grid: Grid) -> Iterator[Chip]:
    """One for each outcome that occurs, and one for what was not expected."""
    for verdict, words in style.WORDS.items():
        if grid.counts[verdict]:
            name = "none" if verdict is None else verdict.value
            paint = name if name in style.PLAIN_PAINTS else ""
            glyph = style.GLYPHS.get(verdict, "")
            yield Chip(name, paint, glyph, words.label, grid.counts[verdict])
    unexpected = sum(mark.unexpected for row in grid.marks for mark in row)
    if unexpected:
        yield Chip("unexpected", "", style.UNEXPECTED, style.UNEXPECTED_KEY, unexpected)


def _folds(grid: Grid) -> dict[int, str]:
    """The first column of each run of columns that agree → the run's label."""
    lanes = grid.lanes.values()
    return {fold[0].index: span(fold) for lane in lanes for fold in grid.folds(lane)}


def _heads(grid: Grid) -> dict[int, str]:
    """The first column of each major version of each device → the class that sets it apart."""
    heads: dict[tuple[str, str], int] = {}
    for lane in grid.lanes.values():
        for column in lane:
            heads.setdefault((column.device, column.tensorflow.split(".")[0]), column.index)
    return dict.fromkeys(heads.values(), "apart")


def _label(mark: Mark) -> str:
    """A cell in words, for those who hear it: its row and column are said by the table."""
    words = [style.WORDS[mark.verdict].label, mark.letter]
    words += [style.UNEXPECTED_KEY] if mark.unexpected else []
    words += ["inferred"] if mark.inferred else []
    return ", ".join(word for word in words if word)
