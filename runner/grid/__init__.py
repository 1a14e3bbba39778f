"""Arranges results by case and release, names signatures by letters, and finds where they change.

Pure. A `Mark` is what a cell *shows*; two cells agree if their marks agree. Only measured cells are
compared: a skip, an error, an inferred cell or a missing one says nothing about TensorFlow. So a
change lies between the nearest measured neighbours, and names the columns between them.
"""

from __future__ import annotations

from runner.grid.arrange import Grid, build_grid
from runner.grid.records import (
    IMPOSSIBLE,
    PASS,
    CellChange,
    Column,
    Control,
    Entry,
    Mark,
    Row,
    Shift,
    Transition,
    neighbours,
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
    "neighbours",
    "ranges",
    "release_range",
    "stretch",
]
