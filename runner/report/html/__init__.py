"""index.html: the grid as a page to look at and explore; one file that loads nothing else.

The page is a table that is readable without JavaScript. Its script filters, folds, and opens the
evidence of a cell, from data embedded as JSON. A content security policy names the hash of that one
script, so the browser runs no other code that got into the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib import resources
from string import Template

from runner.report import style
from runner.report.answer import answer, sentences
from runner.report.context import Context
from runner.report.html import data, parts, table
from runner.report.text import clean, shortened

_DATA = "\0data\0"
"""Stands for the data in the page; after it, the page has only its script."""


def render(context: Context) -> Iterator[str]:
    """The page in pieces. Beside its signs, each character of the large data would take two
    bytes."""
    before, _, after = _page(context).rpartition(_DATA)
    yield before
    yield from data.embedded_json(context)
    yield after


def _page(context: Context) -> str:
    grid, script = context.grid, _asset("index.js")
    return Template(_asset("index.html")).substitute(
        script_hash=_hash(script),
        title=escape(shortened(answer(grid), 120)),
        css=_asset("index.css").replace("/* paints */", _paints()),
        answers="\n".join(
            parts.answers(context.run.info.finding, sentences(grid, parts.code_html))
        ),
        facts=parts.facts(context),
        filters="\n".join(parts.filters(grid)),
        table="\n".join(table.folded_tables(grid)),
        whole=parts.whole_grid(grid),
        key=parts.legend_html(grid),
        sections="\n".join([*parts.sections(grid), context.extras.html()]),
        command=escape(clean(context.run.info.command)),
        data=_DATA,
        script=script,
    )


@cache
def _asset(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text("utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _paints() -> str:
    paints = style.paints().items()
    light = "".join(f"--{n}:{p.light[0]};--{n}-ink:{p.light[1]};" for n, p in paints)
    dark = "".join(f"--{n}:{p.dark[0]};--{n}-ink:{p.dark[1]};" for n, p in paints)
    rules = "".join(
        f".{n}{{--fill:var(--{n});background:var(--fill);color:var(--{n}-ink)}}" for n, _ in paints
    )
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}{rules}"
