"""(d) tfmatrix through its own command line, and what it left in its journal."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from bench.records import Sample, Work
from bench.timing import BenchError, timed
from bench.works import LIGHT

TFMATRIX = (sys.executable, "-m", "runner")
MEASURED = frozenset({0, 1})
"""Exit codes of a run in which every cell was measured."""


def run(work: Work, folder: Path, jobs: int, engine: str, *, fresh: bool = True) -> Sample:
    """`tfmatrix run` on prepared environments; `fresh` measures every cell again."""
    output = Path(mkdtemp(dir=folder)) / "run"
    command = [*TFMATRIX, "run", "--matrix", str(work.matrix), "--tf", work.spec]
    command += [option for case in work.cases for option in ("--case", case)]
    command += ["--engine", engine, "--jobs", str(jobs), "--output", str(output)]
    seconds = timed([*command, *(["--fresh"] if fresh else [])], good=MEASURED)
    return Sample(seconds=seconds, notes=_notes(work, output))


def build(versions: Sequence[str], engine: str) -> None:
    """Make the environments real where they are not; no part of what is timed."""
    timed([*TFMATRIX, "build", str(LIGHT), "--tf", ",".join(versions), "--engine", engine])


def _notes(work: Work, output: Path) -> dict[str, float]:
    """How the cells were measured. Raises `BenchError` where not all of them were."""
    lines = (output / "cells.jsonl").read_text("utf-8").splitlines()
    cells = [json.loads(line) for line in lines]
    errors = [cell for cell in cells if cell["outcome"] == "error"]
    if errors or len(cells) != work.cells:
        what = errors[0].get("reason") if errors else f"{len(cells)} of {work.cells} cells"
        raise BenchError(f"tfmatrix did not measure everything: {what}")
    modes = Counter(cell.get("mode", "fresh") for cell in cells)
    return {
        "forked": modes["fork"],
        "looked at twice": sum(cell["attempts"] > 1 for cell in cells),
        "cached": sum(cell["cached"] for cell in cells),
    }
