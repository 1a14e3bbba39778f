"""`tfmatrix fetch`: downloads the data of scripts in advance, because cells have no network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from runner.cells.own_texts import own_texts
from runner.cli import log
from runner.cli.selected import select
from runner.datasets import fetching
from runner.datasets.wanted import DataFile, place, wanted_by
from runner.errors import UsageError
from runner.model import Repro
from runner.report.text import listed

AUTO = Path("auto")
"""`run --data auto` downloads the data that the scripts ask for."""
_PYTHON = "Python {}.{}".format(*sys.version_info)


@click.command("fetch", help="Download the data that scripts ask Keras for; print its folder.")
@click.argument("scripts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--list", "only_list", is_flag=True, help="Print the addresses; download nothing.")
def command(scripts: tuple[Path, ...], only_list: bool) -> int:
    repros = _selected(scripts)
    wanted = files_for(repros, log.print_note, unread=_refuse)
    if only_list:
        for each in wanted:
            log.print_answer(f"{each.url}  ~/.keras/{each.places[0]}")
    elif wanted:
        log.print_answer(str(fetching.fetch(wanted, log.print_note)))
    return 0


def with_data(selection: dict[str, Any], say: Callable[[str], None]) -> None:
    """For `--data auto`, download the data of the scripts and put its folder into `selection`.

    Raises `TfmatrixError`.
    """
    if selection["data"] != AUTO:
        return
    selection["data"] = None
    packages = tuple(each for each in selection["packages"] if each != "auto")
    chosen = select(**{**selection, "packages": packages})
    wanted = files_for(chosen.matrix.repros, say, unread=say)
    selection["data"] = fetching.fetch(wanted, say) if wanted else None


def files_for(
    repros: Iterable[Repro], say: Callable[[str], None], *, unread: Callable[[str], None]
) -> Sequence[DataFile]:
    """The files that the scripts and their own modules ask for.

    `say` gets the lines whose files are unknown, `unread` the texts that are not Python.
    """
    files: dict[DataFile, None] = {}
    all_read = True
    for repro in repros:
        for path, text in _texts(repro).items():
            wanted = wanted_by(text)
            if wanted.unread:
                all_read = False
                unread(f"{path.name} cannot be read as {_PYTHON}: {wanted.unread}")
            files.update(dict.fromkeys(wanted.files))
            if wanted.untold:
                places = listed([place(text, line) for line in wanted.untold])
                say(f"{path.name}: the text does not tell what get_file downloads in {places}")
    if all_read and not files:
        say("the scripts ask Keras for no data that tfmatrix knows")
    return tuple(files)


def _refuse(unread: str) -> None:
    raise UsageError(unread, remedy="correct it; or get the data yourself, and use --data FOLDER")


def _texts(repro: Repro) -> dict[Path, str]:
    try:
        return own_texts(repro)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{repro.script} cannot be read: {error}") from None


def _selected(scripts: tuple[Path, ...]) -> tuple[Repro, ...]:
    """The repros that `run` would make of the scripts. Raises `UsageError`."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("tf", "patches", "timeout", "memory", "matrix_file"), None
    )
    lists: dict[str, Any] = dict.fromkeys(("devices", "cases", "args"), ())
    return select(scripts=scripts, **nothing, **lists).matrix.repros
