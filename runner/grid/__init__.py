"""A run arranged by case and release: cells, letters for signatures, and where behaviour changes.

Pure. What a cell *shows* is a `Mark`; two cells agree when their marks do. Only measured cells are
ever compared: a skip, an error, a cell that was inferred or is missing says nothing about
TensorFlow, so a change is between the nearest measured neighbours, and the columns passed over are
named with it.
"""

from __future__ import annotations

from runner.grid.arrange import IMPOSSIBLE, Grid, build
from runner.grid.records import (
    PASS,
    Change,
    Column,
    Entry,
    Mark,
    Row,
    Shift,
    Transition,
    ranges,
    span,
)

__all__ = [
    "IMPOSSIBLE",
    "PASS",
    "Change",
    "Column",
    "Entry",
    "Grid",
    "Mark",
    "Row",
    "Shift",
    "Transition",
    "build",
    "ranges",
    "span",
]
