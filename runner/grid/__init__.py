"""A run arranged by case and release: cells, letters for signatures, and where behaviour changes.

Pure. What a cell *shows* is a `Mark`; two cells agree when their marks do. Only measured cells are
ever compared: a skip, an error, a cell that was inferred or is missing says nothing about
TensorFlow, so a change is between the nearest measured neighbours, and the columns passed over are
named with it.
"""

from __future__ import annotations

from runner.grid.arrange import IMPOSSIBLE, Grid, build_grid
from runner.grid.records import (
    PASS,
    CellChange,
    Column,
    Control,
    Entry,
    Mark,
    Row,
    Shift,
    Transition,
    ranges,
    release_range,
    stretch,
)

__all__ = [
    "IMPOSSIBLE",
    "PASS",
    "CellChange",
    "Column",
    "Control",
    "Entry",
    "Grid",
    "Mark",
    "Row",
    "Shift",
    "Transition",
    "build_grid",
    "ranges",
    "release_range",
    "stretch",
]
