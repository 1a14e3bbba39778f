"""`tfmatrix init`: writes a first matrix.yaml."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click

from runner.cli import completion, log
from runner.cli.grammar import OneScriptCommand
from runner.errors import TfmatrixError, UsageError
from runner.matrix import files, starter
from runner.matrix.selection import MATRIX
from runner.report.text import listed

HELP = """\
Write a matrix.yaml for SCRIPT. An existing matrix.yaml is never replaced.

You may leave out SCRIPT if the folder has only one Python script. The words after -- become the
arguments of its first case.
"""


@click.command("init", cls=OneScriptCommand, help=HELP)
@click.argument(
    "script",
    required=False,
    type=click.Path(path_type=Path),
    shell_complete=completion.complete_scripts,
)
@click.option("--arg", "args", multiple=True, metavar="ARG", help="An argument for SCRIPT.")
@click.option(
    "--matrix",
    "file",
    type=click.Path(path_type=Path),
    default=Path(MATRIX),
    help=f"Write this file instead of ./{MATRIX}.",
)
def command(script: Optional[Path], args: Sequence[str], file: Path) -> None:
    script = script or _only_script(file.parent)
    wrong = files.script_problem(script, str(script))
    if wrong:
        raise UsageError(wrong)
    if files.is_outside(script, file.parent):
        raise UsageError(
            f"{script} is not in {file.parent.absolute()}, the folder of {file.name}",
            remedy="write the file beside the script: --matrix FOLDER/matrix.yaml",
        )
    named = Path(os.path.relpath(script, file.parent))
    try:
        with open(file, "x", encoding="utf-8") as opened:
            opened.write(starter.starter_text(named, args))
    except FileExistsError:
        raise UsageError(
            f"{file} exists already",
            remedy="add the script under `repros:` in it, or name another file with --matrix",
        ) from None
    except OSError as error:
        raise TfmatrixError(
            f"{file.absolute()} cannot be written: {error.strerror}",
            remedy="let this user write there, or name another file with --matrix",
        ) from None
    again = "" if file == Path(MATRIX) else f" --matrix {file}"
    log.print_answer(f"wrote {file}\nnext: tfmatrix run{again}")


def _only_script(folder: Path) -> Path:
    scripts = sorted(folder.glob("*.py"))
    if len(scripts) == 1:
        return scripts[0]
    there = listed([script.name for script in scripts], 5) or "no Python script"
    verb = "are" if scripts else "is"
    raise UsageError(
        f"which script? In {folder.absolute()} there {verb} {there}",
        remedy="name one: tfmatrix init my.py",
    )
