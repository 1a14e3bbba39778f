"""What commands that carry out a plan share: the run's folder, journal and reports."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import click
from attrs import evolve
from rich.console import Console

from runner import __version__, paths
from runner.cells import snapshot
from runner.cells.lacks import syntax
from runner.cells.snapshot.record import Snapshot
from runner.cells.store import Store
from runner.cli import log, terminal
from runner.engines.base import Maker
from runner.environments import locks
from runner.errors import EngineLostError, UsageError
from runner.machine import host
from runner.machine.units import count
from runner.matrix.additions import NETWORK_IS_OPEN
from runner.matrix.selection import Selection
from runner.model import Environment, Repro, Run, RunInfo, Target, Verdict
from runner.pipeline import ControlPlan, Lock, Workload, environment_infos
from runner.report import preparation, publish
from runner.report.text import safe_message
from runner.runs import journal
from runner.scripts import places

LOG = logging.getLogger(__name__)


def snapshots(chosen: Selection, say: Callable[[str], None]) -> dict[str, Snapshot]:
    """Copies of all repros as they are now; later changes of the files do not affect the run."""
    for remark in chosen.remarks:
        tell = log.print_warning if remark == NETWORK_IS_OPEN else say  # also under --quiet
        tell(remark)
    taken = {r.name: snapshot.take_snapshot(r, paths.snapshots()) for r in chosen.matrix.repros}
    for repro in chosen.matrix.repros:
        _check_syntax(repro, taken[repro.name], chosen)
    for name, one in taken.items():
        if one.partial:
            say(
                f"{name}: {one.source} holds {one.partial}, so only the files that the script's"
                f" text names were copied ({len(one.files)}); list others under `files:` in"
                " matrix.yaml"
            )
    return taken


def _check_syntax(repro: Repro, taken: Snapshot, chosen: Selection) -> None:
    """Raises `UsageError` for a script that no Python of its cells can read.

    The files of a suite are left to pytest, as each of them is a cell of its own.
    """
    pythons = {cell.target.python for cell in chosen.cells if cell.repro.name == repro.name}
    file = taken.workspace.home / taken.workspace.script
    if repro.suite or not pythons or not file.is_file():
        return
    error = syntax.find_error(file.read_bytes(), pythons)
    if error is not None:
        line = error.lineno or 1
        cell = places.place_in_file(file, line)
        where = f"{repro.name}, {cell}" if cell else f"{_as_told(str(repro.script))}, line {line}"
        raise UsageError(f"{where}: {syntax.describe(error)}")


def keep_inputs(cells: journal.Journal, load: Workload, taken: Mapping[str, Snapshot]) -> None:
    """Write to the journal what will run, and the results that are already known."""
    for batch in load.batches:
        cells.keep_environment(batch.environment)
    for name, one in taken.items():
        cells.keep_script(name, _text_of(name, one, load))
    cells.append_known((result, "") for result in load.known)


_MOST_TEXT = 1 << 18
"""How many characters of a suite's files are kept."""


def _text_of(name: str, taken: Snapshot, load: Workload) -> str:
    """The text that the report shows as the script; for a suite, its files, not the driver."""
    planned = (cell for batch in load.batches for cell in batch.cells if cell.repro.name == name)
    files = dict.fromkeys(cell.case.base_name for cell in planned if cell.repro.suite)
    folder = taken.workspace.home
    texts = {file: _read(folder / file) for file in files or (taken.workspace.script,)}
    if not files:
        return "".join(texts.values())
    return "\n\n".join(f"# {file}\n\n{text}" for file, text in texts.items())[:_MOST_TEXT]


def _read(file: Path) -> str:
    return file.read_text("utf-8", errors="replace") if file.is_file() else ""


@contextmanager
def recorded_run(
    chosen: Selection,
    load: Workload,
    engine: Maker,
    taken: Mapping[str, Snapshot],
    output: Optional[Path],
    *,
    remeasure: bool = False,
) -> Iterator[journal.Journal]:
    """The journal of a run, open for results. An interrupted run is kept and reported."""
    run = planned_run(chosen, load, engine, taken)
    folder = own_folder(output or paths.results() / run.info.id)
    cells = journal.Journal(folder, run)
    log.write_to(folder)
    try:
        keep_inputs(cells, load, taken)
        yield cells
        cells.finish(journal.timestamp())
    except (KeyboardInterrupt, EngineLostError):
        report_interrupted(conclude(folder), folder, len(chosen.cells), remeasure=remeasure)
        raise
    finally:
        cells.close()


def conclude(folder: Path, *, latest: bool = True) -> Run:
    """Write all reports of the run in a folder, and return the run.

    With `latest`, results/latest points at it, unless it has no result at all.
    """
    run = journal.read_run(folder, warn=log.print_warning)
    if latest and run.results and folder.parent == paths.results():
        journal.point_latest(folder)  # now: it holds also if no report can be written
    publish.write(run, folder)
    return run


def line_printer(console: Console) -> Callable[[str], None]:
    """A function that prints a line as a text: without markup and without line breaks."""

    def print_line(text: str) -> None:
        LOG.info("%s", text)
        console.print(safe_message(text), markup=False, highlight=False, soft_wrap=True)

    return print_line


def report(run: Run, folder: Path, format_: str = "table") -> None:
    """Print the answer and the table, or JSON, and where the reports are."""
    if format_ == "json":
        click.echo(publish.render(run, "json", folder))
    else:
        terminal.print_grid(run)
    for note in preparation.preparation_lines(
        evolve(run, repros=())
    ):  # notes on repros were printed earlier
        log.print_warning(note)
    errors = [result for result in run.results if result.outcome.verdict is Verdict.ERROR]
    if errors:
        lasting = sum(result.ended for result in errors)
        log.print_warning(
            f"{count(len(errors), 'cell')} could not be measured; {_advice(len(errors), lasting)}"
        )
    terminal.point_to(folder)


def _advice(errors: int, lasting: int) -> str:
    """What to do about cells that could not be measured. The `lasting` ones ran to their end, so
    they end in the same way if only the command is repeated."""
    says = "its reason says" if lasting == 1 else "their reasons say"
    if lasting == errors:
        return f"{says} what to change before you run again"
    again = "only that one" if errors == 1 else "only those"
    also = f"; for {lasting} of them, {says} what to change first" if lasting else ""
    gone = "once its reason is gone" if errors == 1 else "once their reasons are gone"
    return f"{gone}, the same command runs {again} again{also}"


def report_interrupted(run: Run, folder: Path, planned: int, *, remeasure: bool = False) -> None:
    """Say that all measurements are kept, and how to continue from there."""
    measured = len({result.planned_id for result in run.results})
    line = f"measured and kept in {folder}: {measured} of {count(planned, 'cell')}"
    log.print_warning(f"{line}; {how_to_continue(remeasure=remeasure)}")


def how_to_continue(*, remeasure: bool) -> str:
    without = " without --remeasure" if remeasure else ""
    return f"the same command{without} continues from there"


def check_tests(run: Run) -> None:
    """Raises `UsageError` if a suite ran but none of its tests was selected."""
    suites = [repro.name for repro in run.repros if repro.suite]
    if suites and not run.results:
        raise UsageError(
            f"{suites[0]}: pytest found none of the selected tests",
            remedy="check --case and the words after --",
        )


def exit_code(run: Run, expected: Optional[str] = None) -> int:
    """The exit code. 3 wins over 1: without all cells, the expectations cannot be confirmed.

    `expected`: the outcome that the user expects of every cell. Skipped cells do not contradict it,
    but if all are skipped, nothing confirms it either.
    """
    verdicts = {result.outcome.verdict for result in run.results}
    if Verdict.ERROR in verdicts:
        return 3
    if expected and verdicts <= {Verdict.SKIP}:
        log.print_warning(f"--expect {expected}: no cell was judged, so nothing confirms this")
        return 1
    return 1 if any(result.unexpected for result in run.results) else 0


def open_store() -> Store:
    """The store of earlier measurements. It removes damaged entries and reports them."""
    return Store(paths.store(), warn=log.print_warning)


def locker(chosen: Selection) -> Lock:
    def lock_target(target: Target) -> Environment:
        return locks.environment(target, chosen.matrix.images)

    return lock_target


def control_plan(chosen: Selection, say: Callable[[str], None]) -> ControlPlan:
    return ControlPlan(lock=locker(chosen), say=say)


def planned_run(
    chosen: Selection,
    load: Workload,
    engine: Maker,
    taken: Mapping[str, Snapshot] = {},
) -> Run:
    """The facts of a run before it starts. `taken` are the copies of the repros that will run."""
    info = RunInfo(
        id=journal.new_id(datetime.now(timezone.utc)),
        started=journal.timestamp(),
        engine=engine.name,
        tool_version=__version__,
        command=shlex.join(["tfmatrix", *map(_as_told, sys.argv[1:])]),
        host=host.describe_machine(),
        along=chosen.along,
        reported=chosen.reported,
    )
    released = {
        release.version: release.released.isoformat()
        for release in chosen.releases
        if not release.absent
    }
    return Run(
        info=info,
        environments=environment_infos(load.batches, load.known, engine, released),
        results=(),
        repros=recorded_repros(chosen, taken),
    )


def recorded_repros(chosen: Selection, taken: Mapping[str, Snapshot]) -> tuple[Repro, ...]:
    """The repros as a run records them, with the cases that were selected."""
    return tuple(
        evolve(
            repro,
            digest=_digest(repro, taken),
            script_digest=_script_digest(repro, taken),
            script=Path(_as_told(str(repro.script))),
            data=Path(_as_told(str(repro.data))) if repro.data else None,
            folder=None,
            suite=repro.suite and evolve(repro.suite, folder=Path()),
        )
        for repro in _planned_repros(chosen)
    )


def _as_told(word: str) -> str:
    """A word of the command for reports, which must not show paths of this machine.

    A path below the working folder becomes relative; of any other path only the name stays.
    """
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    path = Path(value)
    if not (path.is_absolute() and path.name and path.parent.exists()):
        return word
    here = Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path.name
    return f"{option}{equals}{shown}"


def _digest(repro: Repro, taken: Mapping[str, Snapshot]) -> str:
    return taken[repro.name].digest if repro.name in taken else snapshot.snapshot_digest(repro)


def _script_digest(repro: Repro, taken: Mapping[str, Snapshot]) -> str:
    """A suite's text names none of its tests; "" for a script that does not run."""
    if repro.name not in taken:
        return ""
    return taken[repro.name].digest if repro.suite else taken[repro.name].script_digest


def _planned_repros(chosen: Selection) -> tuple[Any, ...]:
    """The repros, with only the cases that the command line selected."""
    names = {(cell.repro.name, cell.case.name) for cell in chosen.cells}
    return tuple(
        evolve(repro, cases=tuple(c for c in repro.cases if (repro.name, c.name) in names))
        for repro in chosen.matrix.repros
    )


def own_folder(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a run needs an empty folder")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; a run needs an empty folder")
    return folder
