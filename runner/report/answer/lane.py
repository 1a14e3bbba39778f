"""The data that a sentence is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from runner.grid import Column, Grid, Mark, Row
from runner.model import Limits

Quote = Callable[[str], str]
"""Marks names and messages in the sentence, for example as code in Markdown."""

MOST_SIGNATURE = 90
MOST_REASON = 200
"""Longer, because the reason of an error ends with its remedy."""
MOST_NAME = 60


@frozen(kw_only=True)
class ReproOnDevice:
    """The cases of one repro on the releases of one device."""

    grid: Grid
    rows: tuple[Row, ...]
    """The rows without a variant; all rows if the repro has only variants."""
    variants: tuple[Row, ...]
    columns: tuple[Column, ...]
    limits: Limits
    quote: Quote

    def mark(self, row: Row, column: Column) -> Mark:
        return self.grid.mark(row, column)

    def findings(self, row: Row, columns: Sequence[Column]) -> set[str]:
        """The different findings of a case on these releases."""
        found = (self.mark(row, column).finding for column in columns)
        return {finding for finding in found if finding is not None}
