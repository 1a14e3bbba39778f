"""Prints to the terminal: progress to standard error, the answer to standard output.

Colours and the live display are decided separately. FORCE_COLOR asks for colours, even in a file;
NO_COLOR and TERM=dumb forbid them. A display that moves the cursor needs a terminal.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Optional

import click

from runner.cli import log
from runner.model import Run, Verdict
from runner.report import publish, style

if TYPE_CHECKING:  # importing rich takes a while, and output to a file does not need it
    from rich.console import Console


def stderr() -> Console:
    """A console on standard error, for progress and notes."""
    from rich.console import Console

    usual = log.verbosity() is log.Verbosity.USUAL
    return Console(
        stderr=True,
        force_interactive=usual and _moves(sys.stderr),
        quiet=log.verbosity() is log.Verbosity.QUIET,
    )


def print_grid(run: Run) -> None:
    """Print the answer and the grid on standard output."""
    if not (sys.stdout.isatty() or "FORCE_COLOR" in os.environ):
        click.echo(publish.terminal(run, 0))
        return
    from rich.console import Console

    console = Console()
    width = console.width if sys.stdout.isatty() else 0
    colour: style.Colour = _coloured if _has_colours(console) else style.no_colour
    click.echo(publish.terminal(run, width, colour), color=True)


def point_to(folder: Path) -> None:
    """Print the paths of the reports."""
    log.print_note(f"report: {folder / 'matrix.md'}  {folder / 'index.html'}")


def _moves(stream: IO[str]) -> bool:
    """Whether the stream is a terminal whose cursor can be moved."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _has_colours(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _coloured(verdict: Optional[Verdict], text: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    if verdict is None:
        return text
    return Style.parse(style.TERMINAL[verdict]).render(text, color_system=ColorSystem.STANDARD)
