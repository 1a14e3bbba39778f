"""What stays in results/, and for how long.

The newest `WHOLE` runs are whole. Of older ones the journal stays (what `tfmatrix history` reads,
and `tfmatrix report` renders again): run.json, cells.jsonl, scripts/, environments/. The oldest go
when there are more than `JOURNALS`.

Only runs that were named by their moment are counted or touched: never `reference`, never a run
whose folder was named with --output, never what results/latest points at, never one that is in use.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from runner.machine import claims
from runner.runs import journal

WHOLE = 20
JOURNALS = 200
_OWN_NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_RENDERED = ("index.html", "matrix.json", "matrix.md", "matrix.svg", "junit.xml")


@frozen(kw_only=True)
class Surplus:
    """Runs by name: those of which only the journal is to stay, and those that are to go."""

    thin: tuple[str, ...]
    gone: tuple[str, ...]


def surplus(names: Sequence[str], *, whole: int = WHOLE, journals: int = JOURNALS) -> Surplus:
    """What is too much of runs named by their moment. Pure."""
    newest_first = sorted(names, reverse=True)
    journals = max(whole, journals)
    return Surplus(thin=tuple(newest_first[whole:journals]), gone=tuple(newest_first[journals:]))


def runs(results: Path) -> list[Path]:
    """The runs in `results` that were named by their moment, the oldest first."""
    heads = results.glob(f"*/{journal.HEAD}")
    folders = [head.parent for head in heads if _OWN_NAME.fullmatch(head.parent.name)]
    return sorted(folder for folder in folders if not folder.is_symlink())


def keep_to(results: Path, *, whole: int = WHOLE, journals: int = JOURNALS) -> Surplus:
    """Thin and remove what is too much; what was done. Never raises for what the disk does."""
    latest = (results / journal.LATEST).resolve()
    with claims.settled() as held:
        free = [
            folder.name
            for folder in runs(results)
            if str(folder.absolute()) not in held.folders and folder.resolve() != latest
        ]
        # The latest, which is not among them, is one of the whole ones.
        too_much = surplus(free, whole=max(whole - 1, 0), journals=journals - 1)
        thinned = [name for name in too_much.thin if _thin(results / name)]
        for name in too_much.gone:
            shutil.rmtree(results / name, ignore_errors=True)
    return Surplus(thin=tuple(thinned), gone=too_much.gone)


def words(done: Surplus) -> str:
    """What was done, in a sentence; empty where nothing was."""
    thinned = f"{len(done.thin)} thinned to the journal" if done.thin else ""
    gone = f"{len(done.gone)} removed" if done.gone else ""
    said = ", ".join(filter(None, (thinned, gone)))
    return f"older runs in results/: {said} (the newest {WHOLE} stay whole)" if said else ""


def _thin(folder: Path) -> bool:
    """Remove all but the journal; whether there was anything to remove."""
    rendered = [folder / name for name in _RENDERED if (folder / name).is_file()]
    logs = folder / "logs"
    with suppress(OSError):
        for path in rendered:
            path.unlink()
        if logs.is_dir():
            shutil.rmtree(logs)
            return True
    return bool(rendered)
