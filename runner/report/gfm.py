"""Writes GitHub's Markdown so that text from outside stays text.

Every text from outside is code: a span or a fence with more backticks than the text has in a row.
In code, GitHub makes no mentions, no links to issues or commits and no HTML. Code is also easy to
read as plain text; backslashes and entities are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runner.report import names
from runner.report.text import clean, shortened

LIMIT = 65_536
"""The longest body of an issue or a comment on GitHub."""


def counted_length(text: str) -> int:
    """The length of `text`, never less than GitHub's count.

    GitHub counts a line break as two characters, because browsers send it so. It does not say
    whether a character is a byte, a code point or a UTF-16 unit, so this counts bytes.
    """
    return len(text.encode("utf-8")) + text.count("\n")


def code_span(text: str, most: int = 200) -> str:
    """A code span that shows `text` unchanged, except invisible characters."""
    shown = shortened(text, most) or "(empty)"
    longest = max(map(len, re.findall(r"`+", shown)), default=0)
    ticks = "`" * (longest + 1)
    gap = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{gap}{shown}{gap}{ticks}"


def table_code_span(text: str, most: int = 60) -> str:
    """A code span for a table; there, a bar must be escaped even in code."""
    return code_span(text, most).replace("|", "\\|")


def case_name(case: str) -> str:
    """The name of a case as a code span, shortened if it is long."""
    return code_span(names.short_name(case))


def case_names(cases: Iterable[str]) -> list[str]:
    """The names of several cases as code spans, each once."""
    return [code_span(name, names.MOST_WHOLE) for name in names.short_names(cases)]


def table_name(name: str) -> str:
    """A name that is already short, for a table."""
    return table_code_span(name, names.MOST_WHOLE)


PLAIN = re.compile(r"[0-9A-Za-z]+(?:(?:, |[.+ –-])[0-9A-Za-z]+)*")
LINKED = re.compile(r"(?i)[0-9a-f]{7}|www|gh-")
"""Plain texts that GitHub turns into links: a commit, an address, an issue."""


def plain_or_code(text: str) -> str:
    """A plain word or number, such as a version, unchanged; any other text as code."""
    return text if PLAIN.fullmatch(text) and not LINKED.search(text) else table_code_span(text)


def fence(lines: Sequence[str], language: str = "") -> str:
    """A fenced block that nothing in `lines` can close."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([ticks + language, *lines, ticks])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], centred: bool = True) -> str:
    """A table whose columns are aligned in the text too."""
    columns = list(zip(header, *rows))
    widths = [max(3, *map(len, column)) for column in columns]
    rule = [_rule(width, bool(i) and centred) for i, width in enumerate(widths)]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(_padded(line, widths, centred))} |" for line in lines)


def _rule(width: int, centred: bool) -> str:
    return f":{'-' * (width - 2)}:" if centred else f":{'-' * (width - 1)}"


def _padded(line: Sequence[str], widths: Sequence[int], centred: bool) -> list[str]:
    return [
        text.center(width) if i and centred else text.ljust(width)
        for i, (text, width) in enumerate(zip(line, widths))
    ]


def details(summary: str, body: str) -> str:
    """A folded section. `summary` is plain text of ours; the blank lines allow Markdown in it."""
    return f"<details>\n<summary>{clean(summary)}</summary>\n\n{body}\n\n</details>"
