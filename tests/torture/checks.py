"""What must hold after a hostile script has run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Optional

from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

from tests.torture import bench
from tests.torture.bench import Evidence, Site
from tests.torture.harms import Promise

SUBJECTS = Path(__file__).with_name("subjects")
SECRET = "hunter2-of-the-torture"
"""What the tool's environment holds, and no file of a run may."""


def check(promise: Promise, found: Evidence, site: Site) -> None:
    check_verdict(promise, found)
    check_the_others(promise, found)
    check_time(found)
    check_host(promise, found, site)
    check_inert(found, site)


def check_verdict(promise: Promise, found: Evidence) -> None:
    cell = found.cells["hostile"]
    assert cell["verdict"] == promise.verdict, cell
    assert promise.said in "\n".join((cell["reason"], cell["signature"], cell["log"])), cell
    for name, value in promise.observed.items():
        assert cell["observations"][name] == value, cell


def check_the_others(promise: Promise, found: Evidence) -> None:
    before, after = found.cells["before"], found.cells["after"]
    neighbour = found.cells["before of the neighbour"]
    assert [before["verdict"], after["verdict"]] == ["pass", "pass"], found
    assert neighbour["verdict"] in promise.neighbour, found
    changed = {
        name
        for name, value in before["observations"].items()
        if after["observations"][name] != value
    }
    assert changed == set(promise.marks), (before, after)
    seen = before["observations"]
    assert seen["others"] == []
    # The working directory is a copy of the script's folder, in an otherwise empty scratch folder.
    assert seen["scratch"] == sorted(path.name for path in SUBJECTS.glob("[!_.]*"))
    assert seen["temporary"] == seen["home"] == ["repro"]


def check_time(found: Evidence) -> None:
    cell = found.cells["hostile"]
    limit = bench.LIMITS.timeout + bench.SPARE
    assert cell["seconds"] <= limit
    assert found.wall["hostile"] <= limit * cell["attempts"], found


def check_host(promise: Promise, found: Evidence, site: Site) -> None:
    assert [one for one in found.left if not one.startswith(promise.leaves or "\0")] == []
    assert site.canary.read_text("utf-8") == "precious\n"
    assert [path.name for path in site.canary.parent.iterdir()] == [site.canary.name]
    in_run = {path.name for path in site.run.iterdir()}
    assert in_run <= {
        *("run.json", "cells.jsonl", "logs", "out", "scripts", "environments"),
        *("matrix.json", "matrix.md", "index.html", "matrix.svg", "junit.xml"),
    }


def check_inert(found: Evidence, site: Site) -> None:
    """What a script says does nothing where it is shown; and nothing of the caller's is shown."""
    for text in (found.terminal, _read(site.run / "matrix.md"), _read(site.run / "matrix.svg")):
        assert not set(text) & ACTED_UPON, sorted(set(text) & ACTED_UPON)
    markdown = _read(site.run / "matrix.md")
    for page in (
        _read(site.run / "index.html"),
        github_flavored_markdown_to_html(markdown, UNSAFE),
    ):
        assert not Page(page).dangers
    for name in ("junit.xml", "matrix.svg"):
        ET.parse(site.run / name)
    for path in site.run.rglob("*"):
        assert not path.is_file() or SECRET not in _read(path)


CONTROL = {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}
TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
ACTED_UPON = CONTROL | TURNING
"""What terminals obey, and what turns the direction of text; not tab and newline."""


UNSAFE = Options.CMARK_OPT_UNSAFE
"""GitHub's own would hide what it takes for dangerous; here it must not even be there."""


class Page(HTMLParser):
    """What a browser would run or load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.dangers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        for name, value in attrs:
            target = (value or "").strip().lower()
            if name.startswith("on") or target.startswith("javascript:") or "evil" in target:
                self.dangers.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and data.lstrip().startswith("alert("):
            self.dangers.append(f"<script>{data[:40]}")


def _read(path: Path) -> str:
    return path.read_text("utf-8")
