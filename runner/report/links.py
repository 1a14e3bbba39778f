"""Links into a run's index.html where that is published: to the page, and to one cell of it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from runner.grid import Column, Row
from runner.report.text import clean

PAGE = re.compile(r"https://[0-9A-Za-z.-]+(?::[0-9]{1,5})?(?:/[0-9A-Za-z._~@%+-]*)*")
"""An address in which nothing can end a link of Markdown."""
MOST = 300
"""Characters of one, for it stands in each cell."""


def is_page(url: str) -> bool:
    """Whether a report may link to `url`."""
    return len(url) <= MOST and PAGE.fullmatch(url) is not None


def cell_link(page: str, row: Row, column: Column) -> str:
    """Opens `page` at the evidence of a cell; index.js reads what stands behind the `#`."""
    view = {"repro": row.repro, "case": clean(row.case), "on": column_key(column)}
    return f"{page}#{urlencode(view)}"


def column_key(column: Column) -> str:
    """`2.21.0/cpu/3.10`, and the value where the columns are another package's releases."""
    place = (column.tensorflow, clean(column.device), column.python, clean(column.value))
    return "/".join(filter(None, place))
