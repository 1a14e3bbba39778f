"""Links to a run's published index.html: to the page, and to one cell in it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from runner.grid import Column, Row
from runner.report.text import clean

PAGE = re.compile(r"https://[0-9A-Za-z.-]+(?::[0-9]{1,5})?(?:/[0-9A-Za-z._~@%+-]*)*")
"""An address that holds nothing that could end a Markdown link."""
MOST = 300
"""The longest address in characters, because every cell of a table repeats it."""


def is_page(url: str) -> bool:
    """Whether a report may safely link to `url`."""
    return len(url) <= MOST and PAGE.fullmatch(url) is not None


def cell_link(page: str, row: Row, column: Column) -> str:
    """The address that opens `page` at the evidence of a cell; index.js reads what follows `#`."""
    view = {"repro": row.repro, "case": clean(row.case), "on": column_key(column)}
    return f"{page}#{urlencode(view)}"


def column_key(column: Column) -> str:
    """`2.21.0/cpu/3.10`, with the package's version if the columns vary another package."""
    place = (column.tensorflow, clean(column.device), column.python, clean(column.value))
    return "/".join(filter(None, place))
