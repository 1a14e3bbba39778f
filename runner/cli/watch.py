"""`tfmatrix watch`: runs scripts again at every save, while TensorFlow stays imported."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Optional

import click
from rich.console import Console

from runner import paths
from runner.cells.snapshot.record import Snapshot
from runner.cells.watch_folder import WatchFolder
from runner.cli import backend as backends
from runner.cli import from_issue, log, running, terminal
from runner.cli.grammar import ScriptCommand
from runner.cli.options import measuring_by, selecting
from runner.cli.selected import select
from runner.engines.base import Maker
from runner.errors import TfmatrixError
from runner.machine.units import count
from runner.matrix.selection import MATRIX, Selection
from runner.model import Run
from runner.pipeline import (
    Options,
    Pipeline,
    Workers,
    Workload,
    arrange,
    display,
    events,
    newest_first,
)
from runner.runs import compare, journal

LOOK = 0.1
"""Seconds between two checks of the files."""
WARM = 0.75
"""The share of the memory for cells that environments may hold between two saves."""
CHANGES = 10
"""At most this many changed cells are listed."""
WAITING = "waiting for a change"


@click.command(
    "watch",
    cls=ScriptCommand,
    help="Run scripts again at every save; TensorFlow stays imported.",
)
@selecting
@from_issue.options
@backends.options
@measuring_by("jobs")
def command(engine: str, cluster: Optional[str], jobs: Optional[int], **selection: Any) -> int:
    engine = from_issue.choose(engine, selection)
    console = terminal.stderr()
    relay = events.Relay()
    with (
        backends.choose(console, engine=engine, cluster=cluster, jobs=jobs, idle=WARM) as backend,
        backend.workers(relay) as workers,
        watching(console, backend.engine, workers, relay, selection) as watch,
    ):
        while True:
            watch.round()
            watch.wait_for_change()


@contextmanager
def watching(
    console: Console,
    engine: Maker,
    workers: Workers,
    relay: events.Relay,
    selection: dict[str, Any],
) -> Iterator[Watch]:
    """A `Watch` that cleans up at its end, which is always an interruption."""
    watch = Watch(console=console, engine=engine, workers=workers, relay=relay, selection=selection)
    try:
        yield watch
    finally:
        watch.finish()


class Watch:
    """Rounds of the same selection. The results of the last round are kept as a run."""

    def __init__(
        self,
        *,
        console: Console,
        engine: Maker,
        workers: Workers,
        relay: events.Relay,
        selection: dict[str, Any],
    ) -> None:
        self._console = console
        self._engine = engine
        self._workers = workers
        self._relay = relay
        self._selection = selection
        self._live: dict[str, WatchFolder] = {}
        self._place = paths.watch() / secrets.token_hex(4)
        self._seen: Mapping[str, object] = {}
        self._before: Optional[Run] = None
        self._folder: Optional[Path] = None

    def round(self) -> None:
        """Measure everything once and show it; stop early if a file changes meanwhile."""
        started = time.monotonic()
        try:
            chosen, taken = self._read()
        except (TfmatrixError, click.ClickException) as error:
            running.line_printer(self._console)(f"{error}\n{WAITING}")
            return
        run = self._carry_out(chosen, taken)
        if run is not None:
            self._show(run, time.monotonic() - started)

    def wait_for_change(self) -> None:
        """Wait until a file differs from its state at the beginning of the round."""
        while not self._changed():
            time.sleep(LOOK)

    def finish(self) -> None:
        """Keep the last round's reports and remove the rest."""
        if self._folder is not None:
            running.conclude(self._folder)
            log.write_to(self._folder)
            terminal.point_to(self._folder)
        for live in self._live.values():
            live.remove()
        shutil.rmtree(self._place, ignore_errors=True)

    # -- a round --------------------------------------------------------------------------------

    def _carry_out(self, chosen: Selection, taken: Mapping[str, Snapshot]) -> Optional[Run]:
        load = arrange(chosen.cells, self._engine, running.locker(chosen))
        head = running.planned_run(chosen, load, self._engine, taken)
        folder = paths.results() / head.info.id
        log = journal.Journal(folder, head)
        try:
            running.keep_inputs(log, load, taken)
            cut_off = self._measure(load, log, self._live_snapshots(taken))
            log.finish(journal.timestamp())
        except BaseException:
            _discard(folder)
            raise
        finally:
            log.close()
        if cut_off:
            _discard(folder)
            return None
        if self._folder is not None:
            _discard(self._folder)
        self._folder = folder
        return journal.read_run(folder)

    def _measure(
        self, load: Workload, log: journal.Journal, snapshots: Mapping[str, Snapshot]
    ) -> bool:
        """Measure the cells; returns whether a change ended the round early."""
        cells = sum(len(batch.cells) for batch in load.batches)
        with self._display(cells) as emit:
            self._relay.to = emit
            pipeline = Pipeline(
                workers=self._workers,
                store=running.open_store(),
                journal=log,
                snapshots=snapshots,
                options=Options(keep_agents=True),
                emit=emit,
            )
            with _meanwhile(self._changed, pipeline.abandon) as cut_off:
                pipeline.run(newest_first(load.batches))
        self._relay.to = lambda _: None
        return cut_off.is_set()

    def _display(self, cells: int) -> AbstractContextManager[events.Emit]:
        """Progress in a terminal; elsewhere only the grid is printed."""
        if self._console.is_interactive:
            return display.make_display(self._console, cells)
        return nullcontext(lambda _: None)

    def _live_snapshots(self, taken: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
        """Snapshots at fixed paths, so that agents can go on from round to round."""
        for name in taken:
            if name not in self._live:
                self._live[name] = WatchFolder(self._place / f"{len(self._live)}")
        return {name: self._live[name].renew(one) for name, one in taken.items()}

    def _show(self, run: Run, seconds: float) -> None:
        if self._console.is_interactive:
            click.clear()
        terminal.print_grid(run)
        for line in _changes(self._before, run):
            log.print_answer(line)
        stored = sum(result.cached for result in run.results)
        known = f", {stored} of them known already" if stored else ""
        line = f"{count(len(run.results), 'cell')} in {seconds:.1f} s{known}; {WAITING}"
        self._console.print(line, highlight=False)
        self._before = run

    # -- files ----------------------------------------------------------------------------------

    def _read(self) -> tuple[Selection, dict[str, Snapshot]]:
        """The selection and the files as they are now. Files saved later count as changes."""
        matrix = self._selection["matrix_file"] or Path(MATRIX)
        self._seen = _fingerprint((*self._selection["scripts"], matrix, *map(Path, self._seen)))
        chosen = select(**self._selection)
        scripts = (repro.script for repro in chosen.matrix.repros)
        self._seen = {**_fingerprint(scripts), **self._seen}  # one may have to be corrected first
        say = running.line_printer(self._console) if self._before is None else lambda _: None
        taken = running.snapshots(chosen, say)
        self._seen = {**_fingerprint(_files(chosen, taken)), **self._seen}
        return chosen, taken

    def _changed(self) -> bool:
        return _fingerprint(map(Path, self._seen)) != self._seen


def _files(chosen: Selection, taken: Mapping[str, Snapshot]) -> Iterator[Path]:
    for repro in chosen.matrix.repros:
        yield repro.script
        yield from (repro.home / name for name in taken[repro.name].files)


def _fingerprint(files: Iterable[Path]) -> dict[str, object]:
    """A mark of a file that changes when the file is saved."""
    return {str(path): _state(path) for path in files}


def _state(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


@contextmanager
def _meanwhile(happened: Callable[[], bool], act: Callable[[], None]) -> Iterator[threading.Event]:
    """Call `act` once if `happened()` becomes true during the block; the event is set then."""
    done, acted = threading.Event(), threading.Event()

    def watch_files() -> None:
        while not done.wait(LOOK):
            if happened():
                acted.set()
                act()
                return

    thread = threading.Thread(target=watch_files, name="watch", daemon=True)
    thread.start()
    try:
        yield acted
    finally:
        done.set()
        thread.join()


def _changes(before: Optional[Run], after: Run) -> Iterator[str]:
    """The differences from the last round, one line for each cell."""
    if before is None:
        return
    changes = compare.compare_runs(before, after).changes
    for change in changes[:CHANGES]:
        said = " → ".join(
            "—" if one is None else one.signature or one.verdict.value
            for one in (change.before, change.after)
        )
        yield f"{change.where}: {said}"
    if len(changes) > CHANGES:
        yield f"… and {len(changes) - CHANGES} more cells changed"


def _discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
