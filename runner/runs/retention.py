"""Says what may be removed from results/. Only `tfmatrix clean` removes it, never a run.

A thinned run keeps its journal: run.json, cells.jsonl, scripts/, environments/. `tfmatrix history`
still reads it, and `tfmatrix report` renders its reports again, without logs and the files that
cells left.

Only runs with a date as their name may be thinned: never `reference`, never a run whose folder the
user named with --output.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from runner.model import OUT
from runner.runs import journal, logs

_OWN_NAME = re.compile(r"(bisect-)?\d{8}-\d{6}-[0-9a-f]{4}")
_REPORTS = ("index.html", "matrix.json", "matrix.md", "matrix.svg", "junit.xml")
_LOGS = (logs.FOLDER, logs.ARCHIVE, "run.log", "run.log.1", OUT)


def dated_runs(results: Path) -> list[Path]:
    """The folders in `results` that have their date as a name, the oldest first."""
    heads = results.glob(f"*/{journal.HEAD}")
    folders = [head.parent for head in heads if _OWN_NAME.fullmatch(head.parent.name)]
    kept = (folder for folder in folders if not folder.is_symlink())
    return sorted(kept, key=lambda folder: folder.name.removeprefix("bisect-"))


def reports_and_logs(folder: Path) -> list[Path]:
    """The reports and logs that a run has: thinning removes these."""
    return [folder / name for name in (*_REPORTS, *_LOGS) if (folder / name).exists()]


def remove_reports_and_logs(folder: Path) -> None:
    """Remove everything except the journal. Raises `OSError`."""
    for path in reports_and_logs(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
