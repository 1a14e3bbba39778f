"""GitHub's Markdown, written so that nothing from outside can be more than text in it.

Whatever comes from outside stands in code: a span or a fence longer than any run of backticks in
it. GitHub makes no mentions, no links to issues or commits and no HTML of code, and code reads well
as plain text too, which backslashes and entities do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runner.report import names
from runner.report.text import clean, shortened

LIMIT = 65_536
"""What GitHub takes as the body of an issue or a comment."""


def counted_length(text: str) -> int:
    """The characters that `text` counts for: never fewer than GitHub counts.

    GitHub counts characters after the browser made two of each line break; which of bytes, code
    points or UTF-16 units it means by characters is not documented, so bytes are counted.
    """
    return len(text.encode("utf-8")) + text.count("\n")


def code_span(text: str, most: int = 200) -> str:
    """A code span that holds `text` as it is, but for invisible characters."""
    shown = shortened(text, most) or "(empty)"
    longest = max(map(len, re.findall(r"`+", shown)), default=0)
    ticks = "`" * (longest + 1)
    gap = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{gap}{shown}{gap}{ticks}"


def table_code_span(text: str, most: int = 60) -> str:
    """A code span for a table, where a bar would end the cell even in code."""
    return code_span(text, most).replace("|", "\\|")


def case_name(case: str) -> str:
    """The name of a case as a code span, bounded."""
    return code_span(names.short_name(case))


def case_names(cases: Iterable[str]) -> list[str]:
    """Of several, each once."""
    return [code_span(name, names.MOST_WHOLE) for name in names.short_names(cases)]


def table_name(name: str) -> str:
    """A name that is short already, in a table."""
    return table_code_span(name, names.MOST_WHOLE)


PLAIN = re.compile(r"[0-9A-Za-z]+(?:(?:, |[.+ –-])[0-9A-Za-z]+)*")
LINKED = re.compile(r"(?i)[0-9a-f]{7}|www|gh-")
"""What GitHub makes a link of though it is plain: a commit, an address, an issue."""


def plain_or_code(text: str) -> str:
    """As it is where it is a plain word or a number, such as a version; else as code."""
    return text if PLAIN.fullmatch(text) and not LINKED.search(text) else table_code_span(text)


def fence(lines: Sequence[str], language: str = "") -> str:
    """A fenced block that nothing in `lines` can close."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([ticks + language, *lines, ticks])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], centred: bool = True) -> str:
    """Columns as wide as what they hold, so that the text reads as a table."""
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
    """Folded; `summary` is ours and plain. The blank lines let the body be Markdown."""
    return f"<details>\n<summary>{clean(summary)}</summary>\n\n{body}\n\n</details>"
