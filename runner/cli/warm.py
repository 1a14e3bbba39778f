"""`tfmatrix warm`: keeps TensorFlow imported for the next commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import click

from runner.cells.modes import Modes
from runner.cli import log
from runner.cli.options import MEBIBYTES, SECONDS, packaging, selecting_by
from runner.engines.base import Phase
from runner.engines.local.engine import LocalEngine
from runner.environments import locks
from runner.errors import EngineUnavailableError, PrepareError, UsageError
from runner.machine import temporary
from runner.machine.units import count
from runner.matrix.selection import MATRIX, Selection, select
from runner.model import Environment
from runner.pipeline.warm import keeping
from runner.pipeline.warm.imports import SCRIPT, Import
from runner.pipeline.warm.keeping import Kept, Stopped, Wanted


@click.command(
    "warm",
    help="Keep TensorFlow imported for the next commands. With the local engine, run, watch and "
    "bisect then start cells at once.",
)
@selecting_by("scripts", "tf", "patches", "pre", "env")
@packaging
@click.option(
    "--memory",
    "memory_mb",
    type=MEBIBYTES,
    help="Limit of everything that is kept: 8GB. Default: half of the free memory.",
)
@click.option("--idle", type=SECONDS, help="End what was not used for this time. Default: 30m.")
@click.option("--stop", "ends", is_flag=True, help="End everything that is kept.")
def command(
    scripts: Sequence[Path],
    memory_mb: Optional[int],
    idle: Optional[float],
    ends: bool,
    **selection: Any,
) -> int:
    if ends:
        if any((scripts, memory_mb, idle, *selection.values())):
            raise UsageError("--stop ends everything that is kept: leave out scripts and options")
        log.print_answer(_stopped(keeping.stop()))
        return 0
    engine = LocalEngine()
    why_not = engine.unavailable()
    if why_not:
        raise EngineUnavailableError(f"only the local engine keeps agents warm: {why_not}")
    chosen = _selected(scripts, selection)
    wanted = _wanted(engine, chosen)
    if not wanted:
        raise UsageError("no cell could use what would be kept warm")
    made = [one for one in wanted if _is_prepared(engine, one.environment)]
    keeping.ensure_keeper(memory_mb, idle)
    warm = [_is_warm(kept) for kept in keeping.keep(engine, made)]
    _print_total()
    return 0 if sum(warm) == len(wanted) else 3


def _stopped(stopped: Optional[Stopped]) -> str:
    """`ended: 2 warm agents; 1 ends with the command that uses it`"""
    if stopped is None or not any(stopped):
        return "nothing was warm"
    ended = [f"ended: {count(stopped.ended, 'warm agent')}"] if stopped.ended else []
    user = "the command that uses it" if stopped.lent == 1 else "the commands that use them"
    ends = "ends" if stopped.lent == 1 else "end"
    lent = [f"{count(stopped.lent, 'warm agent')} {ends} with {user}"] if stopped.lent else []
    return "; ".join([*ended, *lent])


def _selected(scripts: Sequence[Path], selection: dict[str, Any]) -> Selection:
    """The cells of the scripts, or of matrix.yaml; without both, of a script that only imports
    TensorFlow."""
    if not scripts and not Path(MATRIX).exists():
        script = temporary.process_folder() / "imports" / SCRIPT
        script.parent.mkdir(exist_ok=True)
        script.write_text("import tensorflow\n", "utf-8")
        scripts = (script,)
    usual: dict[str, Any] = dict.fromkeys(("timeout", "memory", "matrix_file"))
    return select(scripts=scripts, devices=(), cases=(), args=(), **usual, **selection)


def _wanted(engine: LocalEngine, chosen: Selection) -> list[Wanted]:
    """What to keep, newest release first. Says what cannot be kept."""
    modes, wanted, refused = Modes(), [], {}
    for cell in sorted(chosen.cells, key=lambda cell: cell.target.release.parsed, reverse=True):
        mode = modes.mode_for(cell)
        if mode.name == "fresh":
            refused[cell.repro.name] = f"each cell gets a fresh process: {mode.reason}"
            continue
        why_not = cell.skip or cell.lacks or engine.refuses(cell.target)
        if why_not:
            refused[cell.target.release.version] = why_not
            continue
        environment = locks.environment(cell.target, chosen.matrix.images)
        one = Wanted(environment=environment, how=Import.of_cell(cell, mode.prologue))
        wanted += [] if one in wanted else [one]
    for name, why_not in refused.items():
        log.print_answer(f"{name}: skipped: {why_not}", err=True)
    return wanted


def _is_prepared(engine: LocalEngine, environment: Environment) -> bool:
    try:
        engine.prepare(environment, _ignore)
    except PrepareError as error:
        log.print_answer(f"{environment.id}: {error}", err=True)
        return False
    return True


def _ignore(_: Phase) -> None:
    pass


def _is_warm(kept: Kept) -> bool:
    name = kept.environment.id
    if kept.why_not:
        log.print_answer(f"{name}: {kept.why_not}", err=True)
    elif kept.new:
        log.print_answer(f"{name}: warm, {kept.memory_mb} MiB")
    else:
        log.print_answer(f"{name}: warm already")
    return not kept.why_not


def _print_total() -> None:
    there = keeping.keeper_state()
    if there is not None and there.agents:
        log.print_note(
            f"{there.summary}; run --engine local uses them, and tfmatrix warm --stop ends them"
        )
