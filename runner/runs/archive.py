"""Reads the runs of a folder, with what their history needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Optional

from attrs import evolve

from runner.errors import UsageError
from runner.machine import files
from runner.model import Run
from runner.runs import journal
from runner.runs.causes import RecordedRun

_MOST_SCRIPT = 16 << 20
"""A longer script is not read, in bytes."""


def load_runs(
    results: Path,
    warn: Callable[[str], None] = lambda _: None,
    *,
    newest: Optional[int] = None,
    only: Callable[[Run], bool] = lambda _: True,
) -> Iterator[RecordedRun]:
    """Every run in `results`, or the `newest` that were written last.

    Only journals are read, so a thinned run counts too. `warn` gets a line for each folder that
    cannot be read as a run. `only` gets a run without its results and says whether to read these.
    """
    heads = [head for head in results.glob(f"*/{journal.HEAD}") if not head.parent.is_symlink()]
    by_age = sorted(heads, key=lambda head: head.lstat().st_mtime)
    for head in by_age if newest is None else by_age[-newest:]:
        try:
            planned = journal.read_head(head.parent)
            run = journal.with_results(planned, head.parent, warn) if only(planned) else None
        except UsageError as error:
            warn(str(error))
            continue
        if run is not None:
            yield RecordedRun(run=run, texts=_texts(head.parent, run))


def with_earlier_runs(run: Run, folder: Path, *, newest: int = 5) -> Iterator[RecordedRun]:
    """The earlier runs of the same repros that lie beside `folder`, then `run` itself.

    Only the `newest` runs are read, because each takes a tenth of a second. A folder that is no run
    is passed over.
    """
    repros = {repro.name for repro in run.repros}
    for past in load_runs(folder.parent, newest=newest):
        info = past.run.info
        if info.id != run.info.id and info.started <= run.info.started:
            results = tuple(each for each in past.run.results if each.repro in repros)
            yield evolve(past, run=evolve(past.run, results=results))
    yield RecordedRun(run=run, texts=_texts(folder, run))


def _texts(folder: Path, run: Run) -> dict[str, str]:
    """Repro → digest of the copy of its script that the run kept."""
    digests = {}
    for repro in run.repros:
        with suppress(OSError):
            text = files.read_regular(folder / journal.script_name(repro.name), _MOST_SCRIPT)
            digests[repro.name] = hashlib.sha256(text).hexdigest()
    return digests
