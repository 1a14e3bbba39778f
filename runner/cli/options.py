"""Options that several verbs share, and how they become a matrix and its releases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional, TypeVar

import click
from attrs import evolve, frozen

from runner import catalogue, config, plan, specifier
from runner.model import Cell, Device, Matrix, Release, Repro

F = TypeVar("F", bound=Callable[..., Any])

MATRIX = "matrix.yaml"


@frozen(kw_only=True)
class Selection:
    """What a command line asks for."""

    matrix: Matrix
    releases: tuple[Release, ...]
    cells: tuple[Cell, ...]


def selecting(command: F) -> F:
    """The options that choose cells: the same for run, plan, render, build and lock."""
    for option in reversed(
        (
            click.argument(
                "scripts", nargs=-1, type=click.Path(path_type=Path), metavar="[SCRIPT]..."
            ),
            click.option("--tf", metavar="SPEC", help="Releases: '>=2.4,<2.8', or '2.9.3,2.10'."),
            click.option(
                "--patches",
                type=click.Choice(["latest", "all"]),
                help="Newest patch of each series (default), or all.",
            ),
            click.option(
                "--device",
                "devices",
                type=click.Choice(["cpu", "cuda"]),
                multiple=True,
                help="Repeat for several.",
            ),
            click.option("--case", "cases", multiple=True, metavar="GLOB", help="Cases by name."),
            click.option(
                "--arg",
                "args",
                multiple=True,
                metavar="ARG",
                help="An argument for the scripts named.",
            ),
            click.option("--timeout", type=click.FloatRange(min=0.1), help="Seconds a cell."),
            click.option("--memory", type=click.IntRange(min=64), help="MiB a cell."),
            click.option(
                "--matrix",
                "matrix_file",
                type=click.Path(path_type=Path),
                default=None,
                help=f"Another file than ./{MATRIX}.",
            ),
        )
    ):
        command = option(command)
    return command


def select(
    *,
    scripts: Sequence[Path],
    tf: Optional[str],
    patches: Optional[str],
    devices: Sequence[str],
    cases: Sequence[str],
    args: Sequence[str],
    timeout: Optional[float],
    memory: Optional[int],
    matrix_file: Optional[Path],
) -> Selection:
    """From options to cells; everything wrong with them is found here, before anything runs."""
    matrix = _matrix(scripts, args, matrix_file)
    matrix = evolve(
        matrix,
        tf=tf or matrix.tf,
        patches=patches or matrix.patches,
        devices=tuple(Device(device) for device in devices) or matrix.devices,
        repros=tuple(_limited(repro, timeout, memory) for repro in matrix.repros),
    )
    releases = specifier.select(catalogue.load(), matrix.tf, matrix.patches)
    planned = plan.cells(matrix, releases, cases)
    if not planned:
        known = sorted({case.name for repro in matrix.repros for case in repro.cases})
        raise click.UsageError(
            f"no case is named {', '.join(cases)}; there are: {', '.join(known)}"
        )
    return Selection(matrix=matrix, releases=tuple(releases), cells=tuple(planned))


def _matrix(scripts: Sequence[Path], args: Sequence[str], matrix_file: Optional[Path]) -> Matrix:
    file = matrix_file or Path(MATRIX)
    loaded = config.load(file) if matrix_file or not scripts or file.exists() else None
    if not scripts:
        assert loaded is not None
        if args:
            raise click.UsageError("--arg needs a SCRIPT: matrix.yaml's cases have their own args")
        return loaded
    return config.adhoc(scripts, args, loaded)


def _limited(repro: Repro, timeout: Optional[float], memory: Optional[int]) -> Repro:
    limits = repro.limits
    return evolve(
        repro,
        limits=evolve(
            limits,
            timeout=limits.timeout if timeout is None else timeout,
            memory=limits.memory if memory is None else memory,
        ),
    )
