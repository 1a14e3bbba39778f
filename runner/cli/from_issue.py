"""`--from-issue` and links: chooses and saves a stranger's script, which runs in the sandbox."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional, TypeVar

import click

from runner.cells.lacks import imports
from runner.cells.lacks.packages import package_of
from runner.cli import issue_source, log
from runner.cli.issue_source import Source
from runner.errors import UsageError
from runner.github import issue_scripts, joined
from runner.github.issue_scripts import Block
from runner.github.joined import Files, Numbered
from runner.machine.units import count
from runner.model import package_name
from runner.report.text import shortened
from runner.runs import journal

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = Path("repro")
TRUST = "--unsandboxed-i-trust-this-script"


def options(command: F) -> F:
    """Adds the options for a script from an issue."""
    for option in reversed(
        (
            click.option(
                "--from-issue",
                metavar="ISSUE",
                help="Run a script in the Docker sandbox, from OWNER/NAME#N (with its comments), "
                "a gist, a notebook on Colab, a link to a file, or a Markdown FILE.",
            ),
            click.option(
                "--block",
                "blocks",
                multiple=True,
                metavar="N,N",
                help="The number of the script in the issue, from 1; several are joined.",
            ),
            click.option(
                "--force", is_flag=True, help="Replace another script of that name in repro/."
            ),
            click.option(
                TRUST,
                "unsandboxed",
                is_flag=True,
                help="Allow an engine without a sandbox: the issue's script then runs as you, "
                "with your files and your network.",
            ),
        )
    ):
        command = option(command)
    return command


def choose(engine: str, selection: dict[str, Any]) -> str:
    """The engine to use. With `--from-issue` or a link, `selection` then names the saved script.

    Removes its own options from `selection`. Raises `UsageError`.
    """
    named, wanted = _source(selection), _numbers(selection.pop("blocks"))
    force, unsandboxed = selection.pop("force"), selection.pop("unsandboxed")
    if named is None:
        if wanted or force or unsandboxed:
            raise UsageError(f"--block, --force and {TRUST} need --from-issue or --from-comment")
        return engine
    if selection["scripts"] or selection.get("modules") or selection.get("command"):
        raise UsageError("--from-issue has its own script: name no other")
    engine = sandbox_engine(engine, unsandboxed)
    source = issue_source.read_source(named)
    chosen = choose_blocks(source.blocks, named, wanted)
    name = "-".join([source.name, *(str(number) for number, _ in chosen)])
    files = joined.joined_files(chosen, name)
    selection["scripts"] = (save_files(FOLDER / name, files, force),)
    selection["reported"] = source.reported
    texts = [issue_scripts.as_python(text) for text in files.contents.values()]
    selection["packages"] += _installed(source, texts, selection["packages"])
    return engine


def _installed(source: Source, texts: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """The packages that the issue's shell commands install and its script imports.

    A package that the user has `given` is the user's. The others of the issue are only named: one
    that old releases cannot have would make all their cells errors.
    """
    imported = _imported(texts)
    mine = {package_name(each) for each in given}
    found = [each for each in source.installed if package_name(each) not in mine]
    added = tuple(each for each in found if package_name(each) in imported)
    others = [each for each in found if each not in added]
    if added:
        log.print_note(f"added, because the issue installs it: {', '.join(added)}")
    if others:
        options = " ".join(f"--with {shlex.quote(each)}" for each in others)
        log.print_note(f"the issue also installs what the script does not import: add {options}")
    return added


def _imported(texts: Sequence[str]) -> set[str]:
    modules = {module for text in texts for module in imports.imported_at_once(text)}
    names = {module.partition(".")[0] for module in modules}
    return {package_name(each) for each in (*names, *filter(None, map(package_of, modules)))}


def _source(selection: dict[str, Any]) -> Optional[str]:
    """The source that `--from-issue` names, or a SCRIPT that is a link or an issue."""
    named: Optional[str] = selection.pop("from_issue")
    spelled = [issue_source.spelled_address(script) for script in selection["scripts"]]
    if named is None and any(map(issue_source.is_source, spelled)):
        if len(spelled) > 1:
            raise UsageError("a link or an issue has its own script: name no other")
        selection["scripts"] = ()
        return spelled[0]
    return named


def _numbers(texts: Sequence[str]) -> tuple[int, ...]:
    """The numbers in `--block 1,2 --block 4`, each once, in this order."""
    words = [word.strip() for text in texts for word in text.split(",")]
    for word in words:
        if not word.isascii() or not word.isdigit() or not int(word[:6]) > 0:
            raise UsageError(f"--block {word[:40]}: expected a number from 1, or several: 1,2")
    return tuple(dict.fromkeys(int(word[:6]) for word in words))


def sandbox_engine(engine: str, unsandboxed: bool) -> str:
    """The engine for a stranger's script: docker, unless the user trusts the script."""
    if unsandboxed:
        return engine
    if engine not in ("auto", "docker"):
        raise UsageError(
            f"the {engine} engine is not a sandbox: a script from an issue would run as you",
            remedy=f"leave out --engine; or read the script, then add {TRUST}",
        )
    return "docker"


def choose_blocks(
    found: Sequence[Block], source: str, wanted: Sequence[int]
) -> tuple[Numbered, ...]:
    """The blocks with their numbers: those of --block, the only one, or the user's choice."""
    if not found:
        raise UsageError(f"there is no Python code block in {shortened(source, 200)}")
    missing = [number for number in wanted if number > len(found)]
    if missing:
        raise UsageError(f"there is no block {missing[0]}; there are:\n{block_list(found)}")
    if not wanted and len(found) > 1:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"choose one with --block:\n{block_list(found)}")
        log.print_warning(block_list(found))
        wanted = [click.prompt("Which block", type=click.IntRange(1, len(found)), err=True)]
    return tuple((number, found[number - 1]) for number in wanted or [1])


def block_list(found: Sequence[Block]) -> str:
    """One line per block: its number, its place, and its first line."""
    return "\n".join(f"  {n}  {_described(block)}" for n, block in enumerate(found, 1))


def save_files(folder: Path, files: Files, force: bool) -> Path:
    """Write the files to their own folder; other files are replaced only with `force`.

    The folder is their own because a script can read the files beside it. Returns the script.
    """
    if folder.is_symlink() or (folder.is_dir() and _strangers(folder, files)):
        raise UsageError(
            f"{folder} has other files, which the issue's script could read",
            remedy="move them away, or remove the folder",
        )
    for name, source in files.contents.items():
        save_one_file(folder / name, source, force)
    return folder / files.script


def _strangers(folder: Path, files: Files) -> bool:
    """Whether the folder has other files; Python's caches do not count."""
    return any(each.name not in (*files.contents, "__pycache__") for each in folder.iterdir())


def save_one_file(path: Path, source: str, force: bool) -> None:
    """Write one file; another file is replaced only with `force`. Raises `UsageError`."""
    there = path.read_text("utf-8", errors="replace") if path.is_file() else None
    if there == source:
        return
    if path.exists() and not (force and path.is_file()):
        raise UsageError(
            f"{path} exists already and has another content",
            remedy=f"replace it with --force, or run it: tfmatrix run {path} --engine docker",
        )
    journal.write_file(path, source, elsewhere="start the command in a folder that can be written")
    log.print_note(f"saved {path}")


def _described(block: Block) -> str:
    lines = [line for line in block.source.split("\n") if line.strip()]
    label = f", labelled {shortened(block.label, 20)!r}" if block.label else ""
    place = f"{shortened(block.place, 40)}, " if block.place else ""
    name = f", {shortened(block.name, 40)}" if block.name and block.name != block.place else ""
    odd = ", not valid Python"
    if block.is_notebook or issue_scripts.parses(block.source):
        odd = ""
    size = count(len(lines), "line")
    return f"{place}line {block.line}, {size}{label}{name}{odd}: {shortened(lines[0], 60)}"
